package config_test

import (
	"testing"
)

func TestLoad_TLS(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		args []string
		key  string // of the problem; "" for none
	}{
		"certificate and key":                  {yaml: "tls:\n  cert: a.pem\n  key: b.pem\n"},
		"a version without quotes is a number": {yaml: "tls:\n  min_version: 1.3\n"},
		"a version with quotes":                {yaml: "tls:\n  min_version: \"1.3\"\n"},
		"a version that is too old":            {yaml: "tls:\n  min_version: 1.1\n", key: "tls.min_version"},
		"a certificate without a key":          {yaml: "tls:\n  cert: a.pem\n", key: "tls.cert"},
		"a key without a certificate":          {args: []string{"--tls-key=b.pem"}, key: "tls.cert"},
		"client certificates without TLS":      {args: []string{"--tls-client-ca=ca.pem"}, key: "tls.client_ca"},
		"a path with a line end":               {args: []string{"--tls-cert=a\nb", "--tls-key=b"}, key: "tls.cert"},
	} {
		t.Run(name, func(t *testing.T) {
			clearEnv(t)
			_, err := load(t, test.yaml, test.args...)
			if test.key == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if got := problems(t, err); len(got) != 1 || got[test.key] == "" {
				t.Errorf("problems %v, expected one of %s", got, test.key)
			}
		})
	}
}
