// Package helmchart tests the chart: Kubernetes accepts what it renders, and its containers work as processes here. It is a
// module of its own, so that neither Helm nor Kubernetes is in the product's go.mod.
package helmchart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// kinds are the objects that the chart may render, by apiVersion and kind.
var kinds = map[string]func() meta.Object{
	"v1 Service":                              func() meta.Object { return &core.Service{} },
	"v1 ServiceAccount":                       func() meta.Object { return &core.ServiceAccount{} },
	"v1 PersistentVolumeClaim":                func() meta.Object { return &core.PersistentVolumeClaim{} },
	"apps/v1 Deployment":                      func() meta.Object { return &apps.Deployment{} },
	"apps/v1 StatefulSet":                     func() meta.Object { return &apps.StatefulSet{} },
	"batch/v1 Job":                            func() meta.Object { return &batch.Job{} },
	"networking.k8s.io/v1 Ingress":            func() meta.Object { return &networking.Ingress{} },
	"networking.k8s.io/v1 NetworkPolicy":      func() meta.Object { return &networking.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":           func() meta.Object { return &policy.PodDisruptionBudget{} },
	"monitoring.coreos.com/v1 ServiceMonitor": func() meta.Object { return &monitoring.ServiceMonitor{} },
	"keda.sh/v1alpha1 ScaledObject":           func() meta.Object { return &keda.ScaledObject{} },
	"keda.sh/v1alpha1 TriggerAuthentication":  func() meta.Object { return &keda.TriggerAuthentication{} },
}

// values reads a file of values.
func values(t *testing.T, file string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if file == "default" {
		return out
	}
	text, err := os.ReadFile(filepath.Join("values", file+".yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &out))
	return out
}

// render renders the chart as helm template does, schema included.
func render(t *testing.T, given map[string]any) (map[string]string, error) {
	t.Helper()
	chart, err := loader.LoadDir(filepath.Join("..", "..", "deploy", "helm", "aftercall"))
	require.NoError(t, err)
	all, err := util.ToRenderValues(chart, given, common.ReleaseOptions{Name: "prod", Namespace: "calls", Revision: 1, IsInstall: true}, nil)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.Render(chart, all)
}

// objects decodes the rendered objects, by "Kind name". It is strict: a field that its type does not have fails.
func objects(t *testing.T, given map[string]any) map[string]meta.Object {
	t.Helper()
	files, err := render(t, given)
	require.NoError(t, err)
	out := map[string]meta.Object{}
	for file, text := range files {
		if strings.HasSuffix(file, "NOTES.txt") {
			continue
		}
		for document := range strings.SplitSeq("\n"+text, "\n---") {
			var head meta.TypeMeta
			require.NoError(t, yaml.Unmarshal([]byte(document), &head), "%s: %s", file, document)
			if head.Kind == "" {
				require.Empty(t, strings.TrimSpace(document), file)
				continue
			}
			known := kinds[head.APIVersion+" "+head.Kind]
			require.NotNil(t, known, "%s: %s %s", file, head.APIVersion, head.Kind)
			object := known()
			require.NoError(t, yaml.UnmarshalStrict([]byte(document), object), "%s: %s", file, document)
			require.Empty(t, validation.NameIsDNSSubdomain(object.GetName(), false), object.GetName())
			require.Equal(t, "prod", object.GetLabels()["app.kubernetes.io/instance"])
			key := head.Kind + " " + object.GetName()
			require.NotContains(t, out, key)
			out[key] = object
		}
	}
	return out
}

// pods returns the pod templates among objects, by component.
func pods(objects map[string]meta.Object) map[string]core.PodTemplateSpec {
	out := map[string]core.PodTemplateSpec{}
	for _, object := range objects {
		var of core.PodTemplateSpec
		switch o := object.(type) {
		case *apps.Deployment:
			of = o.Spec.Template
		case *apps.StatefulSet:
			of = o.Spec.Template
		case *batch.Job:
			of = o.Spec.Template
		default:
			continue
		}
		out[of.Labels["app.kubernetes.io/component"]] = of
	}
	return out
}

// with sets a value by its path.
func with(given map[string]any, path string, value any) map[string]any {
	out := maps.Clone(given)
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		out[name] = value
		return out
	}
	below, _ := out[name].(map[string]any)
	if below == nil {
		below = map[string]any{}
	}
	out[name] = with(below, rest, value)
	return out
}

// number returns a number as Helm reads it from YAML.
func number(n string) json.Number { return json.Number(n) }
