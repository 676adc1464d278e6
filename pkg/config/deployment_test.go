package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// top is the folder of docker-compose.yml.
const top = "../../"

// composeFile is what these tests read of docker-compose.yml.
type composeFile struct {
	Services map[string]struct {
		hardening `yaml:",inline"`

		Profiles []string `yaml:"profiles"`
		Image    string   `yaml:"image"`
		Volumes  []string `yaml:"volumes"`
		Ports    []string `yaml:"ports"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

// hardening is what bounds the harm of a container.
type hardening struct {
	User     string   `yaml:"user"`
	ReadOnly bool     `yaml:"read_only"`
	CapDrop  []string `yaml:"cap_drop"`
	CapAdd   []string `yaml:"cap_add"`
	Security []string `yaml:"security_opt"`
	Pids     int      `yaml:"pids_limit"`
	Memory   string   `yaml:"mem_limit"`
}

// TestCompose_ContainersAreHardened checks every container, those of other projects
// included. The images of PostgreSQL and Redis start as root, with the rights to
// change the owner of their volume and then their own user.
func TestCompose_ContainersAreHardened(t *testing.T) {
	t.Parallel()
	var compose composeFile
	readYAML(t, top+"docker-compose.yml", &compose)
	asRoot := map[string][]string{
		"storage": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"},
		"broker":  {"CHOWN", "SETGID", "SETUID"},
	}
	for name, service := range compose.Services {
		got := service.hardening
		if !got.ReadOnly || !slices.Equal(got.CapDrop, []string{"ALL"}) || !slices.Equal(got.Security, []string{"no-new-privileges:true"}) {
			t.Errorf("%s is not read only, or keeps rights: %+v", name, got)
		}
		if got.Pids < 1 || got.Memory == "" {
			t.Errorf("%s has no limit of processes or memory: %+v", name, got)
		}
		if rights := asRoot[name]; !slices.Equal(got.CapAdd, rights) {
			t.Errorf("%s has the rights %v, want %v", name, got.CapAdd, rights)
		} else if uid, _, _ := strings.Cut(got.User, ":"); rights == nil && (uid == "" || uid == "0" || uid == "root") {
			t.Errorf("%s runs as user %q", name, got.User)
		}
	}
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestCompose_MountsWhatIsThere(t *testing.T) {
	t.Parallel()
	var compose composeFile
	readYAML(t, top+"docker-compose.yml", &compose)
	for name, service := range compose.Services {
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, declared := compose.Volumes[source]; declared {
				continue
			}
			if info, err := os.Stat(top + source); err != nil || !info.Mode().IsRegular() {
				t.Errorf("%s mounts %s, which is not a file of this repository (%v)", name, source, err)
			}
		}
	}
}

func TestCompose_ProfileObserve(t *testing.T) {
	t.Parallel()
	var compose composeFile
	readYAML(t, top+"docker-compose.yml", &compose)
	var observe []string
	for name, service := range compose.Services {
		if slices.Contains(service.Profiles, "observe") {
			observe = append(observe, name)
			for _, port := range service.Ports {
				if !strings.HasPrefix(port, "127.0.0.1:") {
					t.Errorf("%s is published on %s, want loopback only", name, port)
				}
			}
		}
	}
	slices.Sort(observe)
	if want := []string{"grafana", "prometheus"}; !slices.Equal(observe, want) {
		t.Errorf("the profile has %v, want %v", observe, want)
	}
}

// TestPrometheus_ConfigurationIsValid lets promtool check the configuration that the
// profile mounts, with our alerts in place of the path in the container.
func TestPrometheus_ConfigurationIsValid(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(top + "config/observe/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := filepath.Abs(top + "config/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const inContainer = "/etc/prometheus/alerts.yaml"
	if !strings.Contains(string(data), inContainer) {
		t.Fatalf("the configuration does not load %s", inContainer)
	}
	path := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), inContainer, alerts)), 0o600); err != nil {
		t.Fatal(err)
	}
	testdb.Promtool(t, "check", "config", path)
}

// TestGrafana_FindsOurDashboard compares the provisioning files with the mounts.
func TestGrafana_FindsOurDashboard(t *testing.T) {
	t.Parallel()
	var compose composeFile
	readYAML(t, top+"docker-compose.yml", &compose)
	var dashboards struct {
		Providers []struct {
			Options struct {
				Path string `yaml:"path"`
			} `yaml:"options"`
		} `yaml:"providers"`
	}
	readYAML(t, top+"config/observe/dashboards.yaml", &dashboards)
	want := "./config/grafana.json:" + dashboards.Providers[0].Options.Path + "/eventagg.json:ro"
	if !slices.Contains(compose.Services["grafana"].Volumes, want) {
		t.Errorf("grafana has no mount %s", want)
	}
	var sources struct {
		Datasources []struct {
			URL string `yaml:"url"`
		} `yaml:"datasources"`
	}
	readYAML(t, top+"config/observe/datasource.yaml", &sources)
	if got, want := sources.Datasources[0].URL, "http://prometheus:9090"; got != want {
		t.Errorf("the data source is %s, want %s", got, want)
	}
}

// TestSystemdUnit_IsValid lets systemd check the unit of the packages, in a folder
// that stands for the machine on which they are installed.
func TestSystemdUnit_IsValid(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(path, text string, mode os.FileMode) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	unit, err := os.ReadFile(top + "config/systemd/eventagg.service")
	if err != nil {
		t.Fatal(err)
	}
	write("/usr/lib/systemd/system/eventagg.service", string(unit), 0o644)
	write("/usr/bin/eventagg", "#!/bin/sh\n", 0o755)
	write("/bin/kill", "#!/bin/sh\n", 0o755)
	for _, target := range []string{"basic", "sysinit", "shutdown", "multi-user", "network-online"} {
		write("/usr/lib/systemd/system/"+target+".target", "[Unit]\n", 0o644)
	}
	testdb.SystemdAnalyze(t, "--root="+root, "--man=no", "verify", "eventagg.service")
	// 10 is a unit without any hardening; the packages promise one that is hardened.
	testdb.SystemdAnalyze(t, "--root="+root, "security", "--offline=true", "--threshold=20", "eventagg.service")
}

// TestWorkflows_ArePinnedAndKeepNothing reads the workflows: each action has a commit,
// because a tag can be moved, and no step leaves the token of the run on the disk.
func TestWorkflows_ArePinnedAndKeepNothing(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(top + ".github/workflows/*.yaml")
	if err != nil || len(paths) != 2 {
		t.Fatalf("workflows %v (%v), want two", paths, err)
	}
	pinned := regexp.MustCompile(`uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); strings.Contains(line, "uses: ") && !pinned.MatchString(line) {
				t.Errorf("%s: %s has no commit with its version", path, line)
			}
		}
		var workflow struct {
			Permissions map[string]string `yaml:"permissions"`
			Jobs        map[string]struct {
				Permissions map[string]string `yaml:"permissions"`
				Steps       []struct {
					Uses string         `yaml:"uses"`
					With map[string]any `yaml:"with"`
				} `yaml:"steps"`
			} `yaml:"jobs"`
		}
		readYAML(t, path, &workflow)
		for name, right := range workflow.Permissions {
			if right != "read" {
				t.Errorf("%s: every job may %s %s", path, right, name)
			}
		}
		for name, job := range workflow.Jobs {
			if len(job.Permissions) > 0 && name != "release" {
				t.Errorf("%s: the job %s has rights of its own: %v", path, name, job.Permissions)
			}
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: the job %s keeps the token", path, name)
				}
			}
		}
	}
}
