package cmd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// scraped is a parsed response of GET /metrics: the value of each series, and the
// type, help text and label names of each metric.
type scraped struct {
	series map[string]float64
	kinds  map[string]string
	help   map[string]string
	labels map[string]map[string]bool
}

func (s *stage) scrape() scraped {
	s.t.Helper()
	response, err := http.Get("http://" + s.addr + api.PathMetrics)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("status %d, %v: %s", response.StatusCode, err, text)
	}
	got := scraped{series: map[string]float64{}, kinds: map[string]string{}, help: map[string]string{}, labels: map[string]map[string]bool{}}
	label := regexp.MustCompile(`([a-z_]+)="`)
	for line := range strings.Lines(string(text)) {
		if help, found := strings.CutPrefix(strings.TrimSpace(line), "# HELP "); found {
			name, help, _ := strings.Cut(help, " ")
			got.help[name] = help
			continue
		}
		if kind, found := strings.CutPrefix(strings.TrimSpace(line), "# TYPE "); found {
			name, kind, _ := strings.Cut(kind, " ")
			got.kinds[name], got.labels[name] = kind, map[string]bool{}
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			s.t.Fatalf("%q: %v", line, err)
		}
		got.series[line[:at]] = value
		name, _, _ := strings.Cut(line[:at], "{")
		for _, match := range label.FindAllStringSubmatch(line[:at], -1) {
			if match[1] != "le" {
				got.labels[got.family(name)][match[1]] = true
			}
		}
	}
	return got
}

// family returns the metric that a series belongs to. A histogram has three kinds
// of series.
func (s scraped) family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if family, found := strings.CutSuffix(name, suffix); found && s.kinds[family] == "histogram" {
			return family
		}
	}
	return name
}

// fill publishes count events, 30 % of them duplicates.
func (s *stage) fill(count string) {
	s.t.Helper()
	publisher := exec.CommandContext(s.t.Context(), "eventagg", "publish", "--url", "http://"+s.addr, "--count", count, "--dup-rate", "0.3")
	if output, err := publisher.CombinedOutput(); err != nil {
		s.t.Fatalf("publish: %v\n%s", err, output)
	}
}

func (s *stage) post(kind, body string) {
	s.t.Helper()
	response, err := http.Post("http://"+s.addr+api.PathPublish, kind, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
}

// TestMetrics_MatchStats publishes in each format, and compares the counters of
// the process with those of the database.
func TestMetrics_MatchStats(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "events.db"))
	s.serve()
	s.fill("2000")
	const fresh = `{"topic":"%s","event_id":"%d","timestamp":"2025-12-19","source":"s","payload":{}}`
	hostile := fmt.Sprintf(fresh, `\"} 1 # <b>\\`, 1)
	s.post(api.TypeJSON, hostile)
	s.post(api.TypeJSON, hostile)
	s.post(api.TypeJSON, "["+hostile+`,{},`+fmt.Sprintf(fresh, "other", 2)+"]")
	s.post(api.TypeLines, hostile+"\nno event\n"+fmt.Sprintf(fresh, "t", 3))
	s.post(api.TypeJSON, "no event")

	response, err := http.Get("http://" + s.addr + api.PathStats)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var stats api.Stats
	if err := json.NewDecoder(response.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	if stats.Received != 2000+6 || stats.Stored != 1400+3 {
		t.Fatalf("%+v", stats)
	}
	got := s.scrape()
	var stored, duplicate float64
	for series, value := range got.series {
		switch {
		case strings.HasPrefix(series, `eventagg_topic_events_total{outcome="stored"`):
			stored += value
		case strings.HasPrefix(series, `eventagg_topic_events_total{outcome="duplicate"`):
			duplicate += value
		}
	}
	for what, pair := range map[string][2]float64{
		"stored, by topic":     {stored, float64(stats.Stored)},
		"duplicate, by topic":  {duplicate, float64(stats.Duplicates)},
		"stored":               {got.series[`eventagg_events_total{outcome="stored"}`], float64(stats.Stored)},
		"duplicate":            {got.series[`eventagg_events_total{outcome="duplicate"}`], float64(stats.Duplicates)},
		"invalid":              {got.series[`eventagg_events_total{outcome="invalid"}`], 3},
		"appended in batches":  {got.series[`eventagg_ingest_batch_events_sum{target="database"}`], float64(stats.Received)},
		"of the topic other":   {got.series[`eventagg_topic_events_total{outcome="stored",topic="other"}`], 1},
		"of a hostile topic":   {got.series[`eventagg_topic_events_total{outcome="duplicate",topic="\"} 1 # <b>\\"}`], 3},
		"the database":         {got.series[`eventagg_store_up`], 1},
		"pending":              {got.series[`eventagg_ingest_pending_events{target="database"}`], 0},
		"version":              {got.series[`eventagg_build_info{goversion="`+runtime.Version()+`",version="1.2.3-test"}`], 1},
		"requests of no event": {got.series[`eventagg_http_requests_total{code="422",method="POST",route="/publish"}`], 1},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	s.end(syscall.SIGTERM)
	summed := 0
	for _, match := range regexp.MustCompile(`level=INFO msg=traffic received=(\d+) stored=\d+ duplicate=\d+ invalid=\d+ rate=[\d.]+ pending=\d+\n`).FindAllStringSubmatch(s.log.String(), -1) {
		n, _ := strconv.Atoi(match[1])
		summed += n
	}
	if summed != 2000+6 {
		t.Errorf("the log counts %d events:\n%s", summed, s.log)
	}
}

// serveWithKey starts a server with one key, of which only the metrics need none, and
// publishes an event with the key.
func (s *stage) serveWithKey() {
	s.t.Helper()
	key := auth.NewKey()
	file := filepath.Join(s.t.TempDir(), "keys.yaml")
	entry := "- {id: shop, hash: '" + key.Hash().String() + "', scopes: publish}\n"
	if err := os.WriteFile(file, []byte(entry), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.serve("--auth-keys-file", file, "--auth-public", "metrics")
	body := `{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}`
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.addr+api.PathPublish, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", api.TypeJSON)
	request.Header.Set("Authorization", "Bearer "+key.Reveal())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("an event with the key: status %d", response.StatusCode)
	}
}

// metricName finds the names of metrics in an expression.
func metricName() *regexp.Regexp {
	return regexp.MustCompile(`\b(?:eventagg|go|process|promhttp)_[a-z0-9_]+\b`)
}

// TestGuides_ListEveryMetric scrapes a server with PostgreSQL and Redis and one with
// SQLite and keys, and compares both with the guide, the alerts and the Grafana dashboard.
func TestGuides_ListEveryMetric(t *testing.T) {
	t.Parallel()
	s := newStage(t, testdb.Postgres(t))
	s.serve("--broker-url", testdb.StartRedis(t, testdb.RedisOptions{Durable: true}).URL())
	s.fill("100")
	got := s.scrape()
	embedded := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "events.db"))
	embedded.serveWithKey()
	both := embedded.scrape()
	maps.Copy(both.kinds, got.kinds)
	maps.Copy(both.labels, got.labels)
	maps.Copy(both.help, got.help)
	got = both
	var table strings.Builder
	table.WriteString("| metric | kind | labels | meaning |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(got.kinds)) {
		if !strings.HasPrefix(name, "eventagg_") {
			continue
		}
		labels := ""
		if len(got.labels[name]) > 0 {
			labels = "`" + strings.Join(slices.Sorted(maps.Keys(got.labels[name])), "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, got.kinds[name], labels, cell(got.help[name]))
	}
	generated(t, "metrics", "metrics", table.String())
	for _, file := range []string{"alerts.yaml", "grafana.json"} {
		expressions := expressionsOf(t, file)
		if len(expressions) < 9 {
			t.Errorf("%s has only %d expressions", file, len(expressions))
		}
		for _, expression := range expressions {
			for _, name := range metricName().FindAllString(expression, -1) {
				if _, found := got.kinds[got.family(name)]; !found {
					t.Errorf("%s uses %s, which is not in a scrape: %s", file, name, expression)
				}
			}
		}
	}
}

// expressionsOf returns every PromQL expression in a file of config.
func expressionsOf(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile("../config/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var root any
	if err := yaml.Unmarshal(data, &root); err != nil { // JSON is a subset of YAML
		t.Fatal(err)
	}
	var found []string
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, value := range node {
				if text, ok := value.(string); ok && key == "expr" {
					found = append(found, text)
				}
				walk(value)
			}
		case []any:
			for _, value := range node {
				walk(value)
			}
		}
	}
	walk(root)
	return found
}

// TestAlerts_PassPromtool checks alerts and Grafana dashboard with promtool, and
// runs the unit tests of the alerts.
func TestAlerts_PassPromtool(t *testing.T) {
	t.Parallel()
	testdb.Promtool(t, "check", "rules", "../config/alerts.yaml")
	testdb.Promtool(t, "test", "rules", "testdata/alerts.yaml")
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "j", "$instance", "i")
	for i, expression := range expressionsOf(t, "grafana.json") {
		fmt.Fprintf(&rules, "  - {record: panel_%d, expr: %q}\n", i, variables.Replace(expression))
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	testdb.Promtool(t, "check", "rules", path)
}

// TestAlerts_SayWhatToDo checks that each alert has a summary, a description of at
// least 200 characters, a severity and a unit test.
func TestAlerts_SayWhatToDo(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../config/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(data, &alerts); err != nil {
		t.Fatal(err)
	}
	for _, rule := range alerts.Groups[0].Rules {
		const minDescription = 200
		if rule.Annotations["summary"] == "" || len(rule.Annotations["description"]) < minDescription || rule.Labels["severity"] == "" {
			t.Errorf("%s: summary, severity or a longer description is missing", rule.Alert)
		}
		fires := regexp.MustCompile(`(?s)alertname="` + rule.Alert + `"|alertname: ` + rule.Alert + `\s+exp_alerts:\s+- `)
		if !fires.Match(tests) {
			t.Errorf("%s fires in no unit test", rule.Alert)
		}
	}
}
