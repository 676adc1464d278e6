package cmd

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

func defaultPublish() publishOptions {
	return publishOptions{
		client: config.Client{URL: "http://127.0.0.1:8000"}, format: "table",
		generate: loadgen.GeneratorOptions{
			Count: 20_000, DupRate: 0.3, Topics: loadgen.DefaultTopics,
			Source: loadgen.DefaultSource, PayloadBytes: loadgen.DefaultPayloadBytes,
		},
		send:        loadgen.Options{Concurrency: 20, BatchSize: 1, RetryFor: time.Minute},
		waitTimeout: time.Minute,
	}
}

func TestPublish_ParsesArguments(t *testing.T) {
	tests := map[string]struct {
		args   []string
		change func(*publishOptions)
	}{
		"nothing": {nil, func(*publishOptions) {}},
		"generated events": {
			[]string{
				"--count=5", "--dup-rate=0.5", "--topics=2", "--source=s", "--payload-bytes=9", "--seed=7", "-o", "json",
				"--url=http://h:1", "--verify",
			},
			func(o *publishOptions) {
				o.generate = loadgen.GeneratorOptions{Count: 5, DupRate: 0.5, Topics: 2, Source: "s", PayloadBytes: 9, Seed: 7}
				o.seeded, o.format, o.client.URL, o.verify = true, "json", "http://h:1", true
			},
		},
		"a duration alone has no count": {
			[]string{"--duration=3s", "--rate=10", "--concurrency=3", "--batch-size=4", "--retry-for=0"},
			func(o *publishOptions) {
				o.generate.Count = 0
				o.send = loadgen.Options{Concurrency: 3, BatchSize: 4, Rate: 10, Duration: 3 * time.Second, RetryFor: -1}
			},
		},
		"a duration and a count": {
			[]string{"--duration=3s", "--count=9", "--wait", "--wait-timeout=2s"},
			func(o *publishOptions) {
				o.generate.Count, o.send.Duration, o.wait, o.waitTimeout = 9, 3*time.Second, true, 2*time.Second
			},
		},
		"stages decide the count": {
			[]string{"--stages=1s:100,1m:100", "--percentiles=50,p75", "--histogram=never", "--compare=x.json"},
			func(o *publishOptions) {
				o.generate.Count = 6050
				o.send.Stages = []loadgen.Stage{{Duration: time.Second, Rate: 100}, {Duration: time.Minute, Rate: 100}}
				o.send.Percentiles = []float64{50, 75}
				o.measure = measureOptions{percentiles: "50,p75", stages: "1s:100,1m:100", histogram: "never", compare: "x.json"}
			},
		},
		"stages begin at the rate": {
			[]string{"--stages=1s:0", "--rate=100"},
			func(o *publishOptions) {
				o.generate.Count, o.send.Rate = 50, 100
				o.send.Stages = []loadgen.Stage{{Duration: time.Second}}
				o.measure.stages = "1s:0"
			},
		},
		"a file without --dup-rate has no duplicates": {
			[]string{"--file=-"}, func(o *publishOptions) { o.file, o.generate.DupRate = "-", 0 },
		},
		"a file with duplicates and checks": {
			[]string{"--file=x", "--dup-rate=0.2", "--fail-if", "p99>50ms", "--fail-if", "failed>0"},
			func(o *publishOptions) {
				o.file, o.generate.DupRate = "x", 0.2
				o.failIf = []string{"p99>50ms", "failed>0"}
				o.checks = []loadgen.Check{
					{Metric: "p99", Operator: ">", Bound: float64(50 * time.Millisecond)}, {Metric: "failed", Operator: ">"},
				}
			},
		},
	}
	t.Chdir(t.TempDir())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := defaultPublish()
			test.change(&want)
			if got, err := parse(t, (*app).newPublishCmd, test.args...); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("error %v, options\n%+v, expected\n%+v", err, got, want)
			}
		})
	}
}

func TestPublish_NamesEveryInvalidArgument(t *testing.T) {
	tests := map[string]struct {
		args []string
		want []string
	}{
		"a count of 0":                         {[]string{"--count=0"}, []string{"invalid --count: must be at least 1"}},
		"only duplicates":                      {[]string{"--count=10", "--dup-rate=1"}, []string{"invalid dup-rate 1: all 10 events would be repeats"}},
		"a file with only duplicates":          {[]string{"--file=x", "--dup-rate=1"}, []string{"--dup-rate"}},
		"a file and flags of generated events": {[]string{"--file=x", "--count=1", "--topics=3"}, []string{"invalid --count with --file", "invalid --topics with --file"}},
		"stages and a duration":                {[]string{"--stages=1s:1", "--duration=1s"}, []string{"invalid --duration with --stages"}},
		"stages without events":                {[]string{"--stages=1s:0,1s:0"}, []string{"--stages \"1s:0,1s:0\": there are no events"}},
		"invalid stages and percentiles":       {[]string{"--stages=1000:1s", "--percentiles=101", "--compare="}, []string{"--stages \"1000:1s\": invalid stage", "--percentiles \"101\": invalid percentile", "invalid --compare"}},
		"an unknown value of --histogram":      {[]string{"--histogram=yes"}, []string{"must be auto, always or never"}},
		"an invalid condition":                 {[]string{"--fail-if=p98>1s", "--fail-if=p99>1"}, []string{"p98", "invalid duration"}},
		"a timeout without --wait":             {[]string{"--wait-timeout=1s"}, []string{"--wait"}},
		"an unexpected argument":               {[]string{"x"}, []string{"unexpected argument"}},
		"several numbers out of bounds":        {[]string{"--concurrency=0", "--batch-size=0", "--rate=-1", "--payload-bytes=-5"}, []string{"--concurrency", "--batch-size", "--rate", "invalid --payload-bytes -5: must be between 1 and 1000000"}},
		"empty values":                         {[]string{"--topics=0", "--source=", "--payload-bytes=0"}, []string{"invalid --topics 0: must be between 1 and 1000000", "invalid --source: must not be empty", "invalid --payload-bytes 0: must be between 1 and 1000000"}},
		"fractions out of bounds":              {[]string{"--dup-rate=1.5", "--topics=2000000"}, []string{"invalid --dup-rate 1.5: must be at least 0 and less than 1", "--topics"}},
		"not a number":                         {[]string{"--dup-rate=NaN"}, []string{"invalid --dup-rate NaN"}},
		"a negative count":                     {[]string{"--count=-1"}, []string{"invalid --count: must be at least 1"}},
		"a file without a name":                {[]string{"--file="}, []string{"invalid --file: must be a path, or - for standard input"}},
		"negative times":                       {[]string{"--duration=-1s", "--retry-for=-1s", "--wait", "--wait-timeout=0"}, []string{"--duration", "--retry-for", "--wait-timeout"}},
		"a source of control characters":       {[]string{"--source=\x01"}, []string{"source"}},
	}
	t.Chdir(t.TempDir())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, (*app).newPublishCmd, test.args...)
			if _, ok := errors.AsType[*usageError](err); !ok {
				t.Fatalf("error %v is not about usage", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q doesn't name %q", err, want)
				}
			}
		})
	}
}
