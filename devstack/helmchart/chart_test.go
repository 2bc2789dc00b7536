package helmchart

import (
	"slices"
	"strings"
	"testing"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

var renderings = []string{"default", "minimal", "full"}

// TestEveryObjectIsValid: each rendering consists of valid objects of Kubernetes, the Prometheus operator and KEDA.
func TestEveryObjectIsValid(t *testing.T) {
	for rendering, kinds := range map[string]map[string]int{
		"default": {"StatefulSet": 1, "Deployment": 1, "Job": 1, "Service": 4, "NetworkPolicy": 4, "PodDisruptionBudget": 2, "PersistentVolumeClaim": 1, "ServiceAccount": 1},
		"minimal": {"StatefulSet": 1, "Deployment": 1, "Service": 3},
		"full": {"Deployment": 2, "Job": 2, "Service": 4, "NetworkPolicy": 4, "PodDisruptionBudget": 2, "ServiceAccount": 1, "Ingress": 2, "ServiceMonitor": 1,
			"ScaledObject": 1, "TriggerAuthentication": 1},
	} {
		got := map[string]int{}
		for key := range objects(t, values(t, rendering)) {
			kind, _, _ := strings.Cut(key, " ")
			got[kind]++
		}
		require.Equal(t, kinds, got, rendering)
	}
}

// TestPodsAreLockedDown: no root, no writable place but volumes, no capability, no token of Kubernetes.
func TestPodsAreLockedDown(t *testing.T) {
	for _, rendering := range renderings {
		for role, pod := range pods(objects(t, values(t, rendering))) {
			spec := pod.Spec
			require.False(t, *spec.AutomountServiceAccountToken, role)
			require.False(t, *spec.EnableServiceLinks, role)
			require.True(t, *spec.SecurityContext.RunAsNonRoot, role)
			require.Equal(t, core.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type)
			for _, c := range spec.Containers {
				require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, role)
				require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, role)
				require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, role)
			}
			for _, v := range spec.Volumes {
				require.Nil(t, v.HostPath, role)
				require.Nil(t, v.EmptyDir, "%s: what is written there is lost with the pod", role)
			}
		}
	}
}

// TestVolumesAreMounted: every mounted volume exists, each volume is mounted, and files named by the environment lie in one.
func TestVolumesAreMounted(t *testing.T) {
	for _, rendering := range renderings {
		all := objects(t, values(t, rendering))
		for role, pod := range pods(all) {
			volumes, mounted := map[string]bool{}, map[string]bool{}
			for _, v := range pod.Spec.Volumes {
				volumes[v.Name] = true
			}
			if set, ok := all["StatefulSet prod-aftercall-serve"].(*apps.StatefulSet); ok && role == "serve" {
				for _, c := range set.Spec.VolumeClaimTemplates {
					volumes[c.Name] = true
				}
			}
			c := pod.Spec.Containers[0]
			for _, m := range c.VolumeMounts {
				require.True(t, volumes[m.Name], "%s: %s", role, m.Name)
				mounted[m.Name] = true
			}
			require.Equal(t, volumes, mounted, role)
			for _, e := range c.Env {
				path := strings.TrimPrefix(strings.TrimPrefix(e.Value, "file:"), "sqlite:")
				if !strings.HasPrefix(path, "/") {
					continue
				}
				require.True(t, slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool { return path == m.MountPath || strings.HasPrefix(path, m.MountPath+"/") }),
					"%s: %s=%s lies in no volume", role, e.Name, e.Value)
			}
		}
	}
}

// TestSelectorsFind: services, policies and budgets select existing pods, and services select ports of these.
func TestSelectorsFind(t *testing.T) {
	for _, rendering := range renderings {
		all := objects(t, values(t, rendering))
		find := func(selector labels.Selector) (found []core.PodTemplateSpec) {
			for _, pod := range pods(all) {
				if selector.Matches(labels.Set(pod.Labels)) {
					found = append(found, pod)
				}
			}
			return found
		}
		for key, object := range all {
			switch o := object.(type) {
			case *core.Service:
				found := find(labels.SelectorFromSet(o.Spec.Selector))
				require.True(t, slices.ContainsFunc(found, func(p core.PodTemplateSpec) bool {
					return slices.ContainsFunc(p.Spec.Containers[0].Ports, func(port core.ContainerPort) bool { return port.Name == o.Spec.Ports[0].TargetPort.String() })
				}), "%s: %s", rendering, key)
			case *networking.NetworkPolicy:
				promotes := rendering == "full" || !strings.HasSuffix(key, "-promote")
				require.Equal(t, promotes, len(find(selectorOf(t, &o.Spec.PodSelector))) == 1, key)
			case *policy.PodDisruptionBudget:
				require.Len(t, find(selectorOf(t, o.Spec.Selector)), 1, key)
			case *monitoring.ServiceMonitor:
				matched := 0
				for _, other := range all {
					if s, ok := other.(*core.Service); ok && selectorOf(t, &o.Spec.Selector).Matches(labels.Set(s.Labels)) {
						matched++
						require.Equal(t, o.Spec.Endpoints[0].Port, s.Spec.Ports[0].Name)
					}
				}
				require.Equal(t, 1, matched)
			case *networking.Ingress:
				backend := o.Spec.Rules[0].HTTP.Paths[0].Backend.Service
				s, ok := all["Service "+backend.Name].(*core.Service)
				require.True(t, ok, backend.Name)
				require.Equal(t, backend.Port.Name, s.Spec.Ports[0].Name)
			case *apps.Deployment:
				require.Len(t, find(selectorOf(t, o.Spec.Selector)), 1, key)
			case *apps.StatefulSet:
				require.Len(t, find(selectorOf(t, o.Spec.Selector)), 1, key)
				require.Contains(t, all, "Service "+o.Spec.ServiceName)
			}
		}
	}
}

func selectorOf(t *testing.T, s *meta.LabelSelector) labels.Selector {
	t.Helper()
	out, err := meta.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	require.False(t, out.Empty())
	return out
}

// TestOnlyTheWebhookIsPublic: the Ingress of the webhook leads to the listener that serves only the webhook, and the admin
// listener is on no port.
func TestOnlyTheWebhookIsPublic(t *testing.T) {
	all := objects(t, values(t, "full"))
	hooks, api := all["Ingress prod-calls-webhook"].(*networking.Ingress), all["Ingress prod-calls-api"].(*networking.Ingress)
	require.Equal(t, "prod-calls-webhook", hooks.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name)
	require.Equal(t, "/webhooks/", hooks.Spec.Rules[0].HTTP.Paths[0].Path)
	require.NotEqual(t, hooks.Spec.Rules[0].Host, api.Spec.Rules[0].Host)
	require.Equal(t, "webhook", all["Service prod-calls-webhook"].(*core.Service).Spec.Ports[0].TargetPort.String())
	for _, pod := range pods(all) {
		for _, port := range pod.Spec.Containers[0].Ports {
			require.NotEqual(t, int32(9090), port.ContainerPort)
		}
	}
	for _, role := range []string{"serve", "worker", "setup"} {
		p := all["NetworkPolicy prod-calls-"+role].(*networking.NetworkPolicy)
		require.Equal(t, []networking.PolicyType{networking.PolicyTypeIngress, networking.PolicyTypeEgress}, p.Spec.PolicyTypes)
		require.Len(t, p.Spec.Ingress, map[string]int{"serve": 4, "worker": 1, "setup": 0}[role])
		for _, rule := range p.Spec.Ingress {
			require.NotEmpty(t, rule.From)
		}
	}
}

// TestScalingLooksAtTheRightQueues: the backlog of the queues with a rate depends on the rate, not on the workers.
func TestScalingLooksAtTheRightQueues(t *testing.T) {
	all := objects(t, values(t, "full"))
	scaled := all["ScaledObject prod-calls-worker"].(*keda.ScaledObject)
	var queues []string
	for _, trigger := range scaled.Spec.Triggers {
		require.Equal(t, "temporal", trigger.Type)
		require.NotEmpty(t, trigger.AuthenticationRef.Name)
		queues = append(queues, trigger.Metadata["taskQueue"])
	}
	require.Equal(t, []string{"aftercall", "aftercall-recordings"}, queues)
	require.Equal(t, "prod-calls-worker", scaled.Spec.ScaleTargetRef.Name)
	require.Nil(t, all["Deployment prod-calls-worker"].(*apps.Deployment).Spec.Replicas, "the scaler's business")
	require.GreaterOrEqual(t, *scaled.Spec.MinReplicaCount, int32(1), "timers need a worker")
}

// TestWhatLosesDataIsRefused: values that lose data, leave something open, or have no effect are refused.
func TestWhatLosesDataIsRefused(t *testing.T) {
	base := map[string]any{}
	for path, tt := range map[string]struct {
		value any
		says  string
	}{
		"serve.replicas":                           {number("2"), "replicas"},
		"inbox.driver":                             {"postgres", "existingSecret"},
		"storage.recordingsUrl":                    {"file:/tmp/recordings", "recordingsUrl"},
		"storage.dialLedgerUrl":                    {"mem://", "dialLedgerUrl"},
		"storage.volume.emptyDir":                  {true, "emptyDir"},
		"serve.podDisruptionBudget.maxUnavailable": {number("0"), "maxUnavailable"},
		"codec.enabled":                            {true, "codecToken"},
		"settings.AFTERCALL_DANCE":                 {"x", "AFTERCALL_DANCE"},
		"settings.AFTERCALL_API_KEYS":              {"me:key", "AFTERCALL_API_KEYS"},
		"settings.AFTERCALL_INBOX_URL":             {"sqlite:/tmp/x", "AFTERCALL_INBOX_URL"},
		"settings.AFTERCALL_DIAL_RATE":             {"fast", "AFTERCALL_DIAL_RATE"},
		"extraEnv":                                 {[]any{map[string]any{"name": "AFTERCALL_HTTP_ADDR", "value": "x"}}, "extraEnv"},
		"secrets.keys.webhookCredentials":          {"", "webhookCredentials"},
		"webhook.ingress.enabled":                  {true, "host"},
		"keda.minReplicas":                         {number("0"), "minReplicas"},
		"worker.replicsa":                          {number("1"), "replicsa"},
		"temporal.address":                         {"https://temporal", "address"},
	} {
		_, err := render(t, with(base, path, tt.value))
		require.ErrorContains(t, err, tt.says, path)
	}
}

// TestVersionsArePromoted: the job promotes the workers' version, and serve has none.
func TestVersionsArePromoted(t *testing.T) {
	env := func(pod core.PodTemplateSpec) map[string]string {
		out := map[string]string{}
		for _, e := range pod.Spec.Containers[0].Env {
			out[e.Name] = e.Value
		}
		return out
	}
	all := pods(objects(t, values(t, "full")))
	require.Equal(t, []string{"deploy", "promote", "v2", "--wait", "10m"}, all["promote"].Spec.Containers[0].Args)
	for _, role := range []string{"worker", "promote"} {
		require.Equal(t, "v2", env(all[role])["TEMPORAL_WORKER_BUILD_ID"])
		require.Equal(t, "prod-calls", env(all[role])["TEMPORAL_DEPLOYMENT_NAME"])
	}
	require.NotContains(t, env(all["serve"]), "TEMPORAL_WORKER_BUILD_ID")
	require.NotContains(t, env(pods(objects(t, values(t, "default")))["worker"]), "TEMPORAL_WORKER_BUILD_ID")
}

// TestNumbersStayNumbers: Helm reads a number as a float, and would write a large one with an exponent.
func TestNumbersStayNumbers(t *testing.T) {
	for _, cache := range []any{float64(134217728), number("134217728"), 134217728} {
		given := with(with(map[string]any{}, "settings.AFTERCALL_WORKFLOW_CACHE", cache), "settings.AFTERCALL_DIAL_RATE", 0.5)
		env := map[string]string{}
		for _, e := range pods(objects(t, given))["worker"].Spec.Containers[0].Env {
			require.NotContains(t, env, e.Name)
			env[e.Name] = e.Value
		}
		require.Equal(t, "134217728", env["AFTERCALL_WORKFLOW_CACHE"])
		require.Equal(t, "0.5", env["AFTERCALL_DIAL_RATE"])
		require.Equal(t, "-", env["AFTERCALL_AUDIT_LOG"], "the chart's own stay")
	}
}
