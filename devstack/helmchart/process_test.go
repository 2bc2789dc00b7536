package helmchart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// build builds a program of the repository.
func build(t *testing.T, module, pkg, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join("..", "..", module), "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// freePort returns a free port, below the ports of outgoing connections.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := fmt.Sprint(20000 + rand.IntN(12000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// logged keeps the output of a process.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// environment is the surroundings of pods: Temporal and the provider's stand-in, Secrets and volumes.
type environment struct {
	aftercall string
	temporal  string
	provider  string            // host:port
	secrets   string            // folder, from which kubectl create secret generic --from-file makes a Secret
	volumes   map[string]string // folders by claim
}

// newEnvironment starts a replacement for a cluster's services: the development program, for its Temporal and its simulator.
func newEnvironment(t *testing.T) environment {
	t.Helper()
	e := environment{aftercall: build(t, ".", "./cmd/aftercall", "aftercall"), secrets: t.TempDir(), volumes: map[string]string{}}
	dev := build(t, "devstack", ".", "aftercall-dev")
	temporal, provider, admin := freePort(t), freePort(t), freePort(t)
	e.temporal, e.provider = "127.0.0.1:"+temporal, "127.0.0.1:"+provider
	cmd := exec.Command(dev, "--http-port", freePort(t), "--admin-port", admin, "--temporal-port", temporal, "--ui-port", freePort(t),
		"--simulator-port", provider, "--codec-port", freePort(t), "--simulator-speed", "10")
	said := &logged{}
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), said, said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool { return get("http://127.0.0.1:"+admin+"/readyz") == http.StatusOK }, time.Minute, 100*time.Millisecond, said)

	// The Secret, made as in docs/deploy.md.
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "make-secrets"))
	require.NoError(t, err)
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "scripts"), 0o700))
	path := filepath.Join(home, "scripts", "make-secrets")
	require.NoError(t, os.WriteFile(path, script, 0o700))
	out, err := exec.CommandContext(t.Context(), path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, pattern := range []string{"secrets/*", "secrets/keys/*"} {
		files, err := filepath.Glob(filepath.Join(home, pattern))
		require.NoError(t, err)
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil {
				require.NoError(t, os.WriteFile(filepath.Join(e.secrets, filepath.Base(file)), text, 0o600))
			}
		}
	}
	return e
}

func get(url string) int {
	res, err := http.Get(url)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// container is a container as a process: its command, environment, volumes and probes are those that the chart renders. Only
// folders and ports differ, because all pods are on one machine.
type container struct {
	of    core.Container
	path  string
	env   []string
	ports map[string]string // by name
	dir   string            // its working directory, in which nothing may be written
	log   *logged
	cmd   *exec.Cmd
}

var atPort = regexp.MustCompile(`^0\.0\.0\.0:(\d+)$`)

// newContainer prepares the only container of a pod.
func (e environment) newContainer(t *testing.T, pod core.PodTemplateSpec) *container {
	t.Helper()
	c := &container{of: pod.Spec.Containers[0], path: e.aftercall, ports: map[string]string{}, dir: t.TempDir(), log: &logged{}}
	byNumber := map[string]string{}
	for _, p := range c.of.Ports {
		free := freePort(t)
		c.ports[p.Name], byNumber[fmt.Sprint(p.ContainerPort)] = free, free
	}
	folders := map[string]string{}
	for _, m := range c.of.VolumeMounts {
		folders[m.MountPath] = filepath.Join(e.volume(t, pod, m.Name), m.SubPath)
		require.NoError(t, os.MkdirAll(folders[m.MountPath], 0o700))
	}
	c.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "AFTERCALL_ADMIN_ADDR=127.0.0.1:" + freePort(t)} // a pod has a loopback of its own
	for _, v := range c.of.Env {
		require.Nil(t, v.ValueFrom, v.Name)
		value := v.Value
		if at := atPort.FindStringSubmatch(value); at != nil {
			require.Contains(t, byNumber, at[1], "%s is on a port that the container does not name", v.Name)
			value = "127.0.0.1:" + byNumber[at[1]]
		}
		for mount, folder := range folders {
			value = strings.Replace(value, mount, folder, 1)
		}
		c.env = append(c.env, v.Name+"="+value)
	}
	return c
}

// volume returns the folder of a volume.
func (e environment) volume(t *testing.T, pod core.PodTemplateSpec, name string) string {
	t.Helper()
	claim := pod.Labels["app.kubernetes.io/component"] + "/" + name // for a StatefulSet's own claims
	for _, v := range pod.Spec.Volumes {
		switch {
		case v.Name != name:
		case v.Secret != nil:
			folder := t.TempDir()
			for _, item := range v.Secret.Items {
				text, err := os.ReadFile(filepath.Join(e.secrets, item.Key))
				require.NoError(t, err, "the Secret has no key %s", item.Key)
				require.NoError(t, os.WriteFile(filepath.Join(folder, item.Path), text, 0o600))
			}
			return folder
		default:
			claim = v.PersistentVolumeClaim.ClaimName
		}
	}
	if e.volumes[claim] == "" {
		e.volumes[claim] = t.TempDir()
	}
	return e.volumes[claim]
}

// command returns a command in the container.
func (c *container) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Env, cmd.Dir = c.env, c.dir
	return cmd
}

// start starts the container.
func (c *container) start(t *testing.T) {
	t.Helper()
	require.Empty(t, c.of.Command, "the image's entry point")
	c.cmd = c.command(context.WithoutCancel(t.Context()), c.of.Args...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
}

// stop ends the container as Kubernetes does, within the grace of its pod.
func (c *container) stop(t *testing.T, grace int64) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	select {
	case err := <-ended:
		require.NoError(t, err, c.log)
	case <-time.After(time.Duration(grace) * time.Second):
		t.Fatalf("%v does not end in time: %s", c.of.Args, c.log)
	}
}

// probe probes as the kubelet would.
func (c *container) probe(t *testing.T, p *core.Probe) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(p.TimeoutSeconds)*time.Second)
	defer cancel()
	if p.Exec != nil {
		require.Equal(t, "/usr/local/bin/aftercall", p.Exec.Command[0])
		return c.command(ctx, p.Exec.Command[1:]...).Run() == nil
	}
	require.Contains(t, c.ports, p.HTTPGet.Port.String())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+c.ports[p.HTTPGet.Port.String()]+p.HTTPGet.Path, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode >= 200 && res.StatusCode < 400
}

// await waits until a probe succeeds.
func (c *container) await(t *testing.T, p *core.Probe) {
	t.Helper()
	require.Eventually(t, func() bool { return c.probe(t, p) }, time.Minute, 100*time.Millisecond, c.log)
}

// TestContainersDoWhatTheChartSays runs the containers of the default rendering. Setup prepares the namespace, serve and
// worker become ready by their probes, a call is placed, its recording is served from the worker's store, and serve drains.
func TestContainersDoWhatTheChartSays(t *testing.T) {
	e := newEnvironment(t)
	given := map[string]any{}
	for path, value := range map[string]any{
		"temporal.address": e.temporal, "temporal.namespace": "chart",
		"settings.AFTERCALL_UNIFONIC_BASE_URL": "http://" + e.provider + "/v1", "settings.AFTERCALL_RECORDING_HOSTS": e.provider,
		"settings.AFTERCALL_RECORDING_ALLOW_HTTP": true, "settings.AFTERCALL_DIAL_RATE": 100, "settings.AFTERCALL_DRAIN": "2s",
	} {
		given = with(given, path, value)
	}
	all := objects(t, given)
	pods := pods(all)
	serve, worker, setup := e.newContainer(t, pods["serve"]), e.newContainer(t, pods["worker"]), e.newContainer(t, pods["setup"])

	require.Nil(t, setup.of.ReadinessProbe)
	setup.start(t)
	require.NoError(t, setup.cmd.Wait(), setup.log)
	require.Contains(t, setup.log.String(), "namespace chart: ")
	require.Contains(t, setup.log.String(), "endpoint aftercall")
	serve.start(t)
	worker.start(t)
	serve.await(t, serve.of.StartupProbe)
	serve.await(t, serve.of.ReadinessProbe)
	worker.await(t, worker.of.ReadinessProbe)
	for _, c := range []*container{serve, worker} {
		require.Equal(t, http.StatusOK, get("http://127.0.0.1:"+c.ports["metrics"]+"/metrics"))
		require.NotContains(t, c.log.String(), "a setting is not known")
		require.NotContains(t, c.log.String(), "kept in clear")
	}
	require.Equal(t, http.StatusNotFound, get("http://127.0.0.1:"+serve.ports["webhook"]+"/v1/calls"), "the webhook's port serves nothing else")

	key := strings.TrimSpace(strings.SplitN(secret(t, e, "api_keys"), ":", 2)[1])
	operator := func(args ...string) string {
		cmd := serve.command(t.Context(), args...)
		cmd.Env = append(cmd.Env, "AFTERCALL_API_URL=http://127.0.0.1:"+serve.ports["http"], "AFTERCALL_API_KEY="+key)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s%s\n%s", out, &stderr, worker.log)
		return string(out)
	}
	operator("webhook", "show")
	operator("webhook", "register", "http://127.0.0.1:"+serve.ports["webhook"]+"/webhooks/unifonic")
	var state struct {
		Attempts []struct{ CallID, Source string }
		Outcome  struct{ Status string }
	}
	require.NoError(t, json.Unmarshal([]byte(operator("call", "place", "--to", "+966500000005", "--caller-id", "+966115219000", "--text", "hello", "--record", "--wait", "-o", "json")), &state))
	require.Equal(t, "COMPLETED", state.Outcome.Status)
	require.Equal(t, "notification", state.Attempts[0].Source, "the provider reached the webhook")
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+serve.ports["http"]+"/v1/recordings/"+state.Attempts[0].CallID+"/audio", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		audio, err := io.ReadAll(res.Body)
		return err == nil && res.StatusCode == http.StatusOK && len(audio) > 0
	}, time.Minute, 200*time.Millisecond, "what the worker stores, serve reads")

	require.NoError(t, serve.cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return !serve.probe(t, serve.of.ReadinessProbe) }, 10*time.Second, 20*time.Millisecond, "it drains")
	serve.stop(t, *all["StatefulSet prod-aftercall-serve"].(*apps.StatefulSet).Spec.Template.Spec.TerminationGracePeriodSeconds)
	require.NoError(t, worker.cmd.Process.Signal(syscall.SIGTERM))
	worker.stop(t, *pods["worker"].Spec.TerminationGracePeriodSeconds)
	for _, c := range []*container{serve, worker, setup} {
		left, err := os.ReadDir(c.dir)
		require.NoError(t, err)
		require.Empty(t, left, "the root file system is read-only")
	}
}

func secret(t *testing.T, e environment, key string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.secrets, key))
	require.NoError(t, err)
	return string(text)
}

// TestEverySettingCanBeReached: each setting of the product is a value of the chart, each secret a file of a role.
func TestEverySettingCanBeReached(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), build(t, ".", "./cmd/aftercall", "aftercall"), "config", "-o", "json")
	cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, t.TempDir()
	out, err := cmd.Output()
	require.NoError(t, err)
	var settings []struct {
		Name   string
		Secret bool
	}
	require.NoError(t, json.Unmarshal(out, &settings))
	require.Greater(t, len(settings), 40)
	names := map[string]bool{}
	for _, pod := range pods(objects(t, values(t, "full"))) {
		for _, e := range pod.Spec.Containers[0].Env {
			names[e.Name] = true
		}
	}
	for _, s := range settings {
		name := s.Name
		if s.Secret {
			name += "_FILE"
		}
		if names[name] || s.Secret && names[s.Name] {
			continue
		}
		require.False(t, s.Secret, "%s: a new secret needs a key in secrets.keys and in aftercall.secretFiles", s.Name)
		var last error
		for _, value := range []any{"1", number("1"), true} { // whatever its type
			if _, last = render(t, with(map[string]any{}, "settings."+s.Name, value)); last == nil {
				break
			}
		}
		require.NoError(t, last, s.Name)
	}
}
