package config_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/config"
)

// manifests are the files of config/kubernetes, decoded into the types of Kubernetes.
// An unknown member, or one with a wrong type, fails the test.
type manifests struct {
	deployment appsv1.Deployment
	service    corev1.Service
	configMap  corev1.ConfigMap
	secret     corev1.Secret
	keys       corev1.Secret
	budget     policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
}

func readManifests(t *testing.T) manifests {
	t.Helper()
	const folder = "../../config/kubernetes/"
	var m manifests
	targets := map[string]any{
		"deployment.yaml": &m.deployment, "service.yaml": &m.service, "configmap.yaml": &m.configMap,
		"secret.example.yaml": &m.secret, "poddisruptionbudget.yaml": &m.budget,
		"networkpolicy.yaml": &m.network, "keys.example.yaml": &m.keys,
	}
	files, err := filepath.Glob(folder + "*")
	if err != nil || len(files) != len(targets) {
		t.Fatalf("files %v (%v), expected %d", files, err, len(targets))
	}
	for name, target := range targets {
		data, err := os.ReadFile(folder + name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("\n---")) {
			t.Errorf("%s has several documents, of which one would be checked", name)
		}
		if err := yaml.UnmarshalStrict(data, target); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return m
}

func TestManifests_HaveTheirKinds(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	got := []metav1.TypeMeta{m.deployment.TypeMeta, m.service.TypeMeta, m.configMap.TypeMeta, m.secret.TypeMeta, m.budget.TypeMeta, m.network.TypeMeta}
	want := []metav1.TypeMeta{
		{Kind: "Deployment", APIVersion: "apps/v1"}, {Kind: "Service", APIVersion: "v1"}, {Kind: "ConfigMap", APIVersion: "v1"},
		{Kind: "Secret", APIVersion: "v1"}, {Kind: "PodDisruptionBudget", APIVersion: "policy/v1"},
		{Kind: "NetworkPolicy", APIVersion: "networking.k8s.io/v1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

// The variables of the manifests are loaded like those of serve: each belongs to a
// setting and has a valid value.
func TestManifests_SetKnownVariables(t *testing.T) {
	clearEnv(t)
	m := readManifests(t)
	known := map[string]bool{}
	for _, setting := range config.Settings() {
		known[setting.Variable] = true
	}
	for _, data := range []map[string]string{m.configMap.Data, m.secret.StringData} {
		for name, value := range data {
			if !known[name] {
				t.Errorf("%s is not the variable of a setting", name)
			}
			t.Setenv(name, value)
		}
	}
	c, err := config.Load(config.Source{})
	if err != nil {
		t.Fatalf("serve would fail: %v", err)
	}
	pod := m.deployment.Spec.Template.Spec
	needed := c.HTTP.DrainDelay + c.HTTP.ShutdownTimeout + 4*c.Ingest.FlushTimeout // with a queue, if everything hangs
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace <= needed {
		t.Errorf("a pod is killed after %v, and may need %v to stop cleanly", grace, needed)
	}
	container := pod.Containers[0]
	// An instance gets no more requests when two probes have failed. Requests sent
	// before must still find the port open.
	if seen := time.Duration(2*container.ReadinessProbe.PeriodSeconds) * time.Second; c.HTTP.DrainDelay <= seen {
		t.Errorf("the port closes after %v, but probes notice only after %v", c.HTTP.DrainDelay, seen)
	}
	if !strings.HasSuffix(c.HTTP.Addr, ":8000") || container.Ports[0].ContainerPort != 8000 {
		t.Errorf("serve listens on %s, and the pod's port is %d", c.HTTP.Addr, container.Ports[0].ContainerPort)
	}
}

// TestManifests_KeysFile: the pod has the file of auth.keys_file, and the example of its
// content is valid.
func TestManifests_KeysFile(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	folder, file := path.Split(m.configMap.Data["EVENTAGG_AUTH_KEYS_FILE"])
	pod := m.deployment.Spec.Template.Spec
	mount, volume := pod.Containers[0].VolumeMounts[0], pod.Volumes[0]
	if mount.MountPath+"/" != folder || mount.Name != volume.Name || volume.Secret.SecretName != m.keys.Name {
		t.Errorf("the pod mounts %+v from %+v, and serve reads %s%s", mount, volume, folder, file)
	}
	entries, err := auth.ParseKeys([]byte(m.keys.StringData[file]))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.NewSet(entries, 0); err != nil {
		t.Error(err)
	}
}

func TestManifests_FitTogether(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	pod := m.deployment.Spec.Template
	for name, selector := range map[string]*metav1.LabelSelector{
		"deployment": m.deployment.Spec.Selector, "disruption budget": m.budget.Spec.Selector, "network policy": &m.network.Spec.PodSelector,
		"service": {MatchLabels: m.service.Spec.Selector}, "spread": pod.Spec.TopologySpreadConstraints[0].LabelSelector,
	} {
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil || parsed.Empty() || !parsed.Matches(labels.Set(pod.Labels)) {
			t.Errorf("the %s selects %v (%v), the pods have %v", name, parsed, err, pod.Labels)
		}
	}
	container := pod.Spec.Containers[0]
	from := []string{container.EnvFrom[0].ConfigMapRef.Name, container.EnvFrom[1].SecretRef.Name}
	if diff := cmp.Diff([]string{m.configMap.Name, m.secret.Name}, from); diff != "" {
		t.Errorf("variables come from (-want +got):\n%s", diff)
	}
	for probe, path := range map[*corev1.Probe]string{
		container.StartupProbe: "/healthz", container.LivenessProbe: "/healthz", container.ReadinessProbe: "/readyz",
	} {
		if probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != container.Ports[0].Name {
			t.Errorf("a probe requests %v, want %s", probe.HTTPGet, path)
		}
	}
	if port := m.service.Spec.Ports[0].TargetPort.String(); port != container.Ports[0].Name {
		t.Errorf("the service has the target port %s, want %s", port, container.Ports[0].Name)
	}
	// A Service named eventagg would set EVENTAGG_… in pods with service links.
	if strings.HasPrefix(m.service.Name, "eventagg") || *pod.Spec.EnableServiceLinks {
		t.Errorf("the service %s sets variables of ours, with links %t", m.service.Name, *pod.Spec.EnableServiceLinks)
	}
	secured := container.SecurityContext
	if !*pod.Spec.SecurityContext.RunAsNonRoot || !*secured.ReadOnlyRootFilesystem || *secured.AllowPrivilegeEscalation {
		t.Errorf("the pod has too many privileges: %v, %v", pod.Spec.SecurityContext, secured)
	}
	if m.budget.Spec.MaxUnavailable.IntValue() >= int(*m.deployment.Spec.Replicas) {
		t.Errorf("%v of %d instances may be unavailable at once", m.budget.Spec.MaxUnavailable, *m.deployment.Spec.Replicas)
	}
}

// TestManifests_NetworkIsClosed checks that the policy limits both directions, names
// the port of the pods, and lets them reach the database and the queue.
func TestManifests_NetworkIsClosed(t *testing.T) {
	t.Parallel()
	m := readManifests(t)
	policy := m.network.Spec
	if diff := cmp.Diff([]networkingv1.PolicyType{"Ingress", "Egress"}, policy.PolicyTypes); diff != "" {
		t.Errorf("directions (-want +got):\n%s", diff)
	}
	port := m.deployment.Spec.Template.Spec.Containers[0].Ports[0].Name
	for _, rule := range policy.Ingress {
		if len(rule.From) == 0 || len(rule.Ports) != 1 || rule.Ports[0].Port.String() != port {
			t.Errorf("a rule lets everybody in, or to another port than %s: %v", port, rule)
		}
	}
	var open []string
	for _, rule := range policy.Egress {
		for _, port := range rule.Ports {
			open = append(open, string(*port.Protocol)+" "+port.Port.String())
		}
	}
	if diff := cmp.Diff([]string{"UDP 53", "TCP 53", "TCP 5432", "TCP 6432", "TCP 6379"}, open); diff != "" {
		t.Errorf("ports outside (-want +got):\n%s", diff)
	}
}
