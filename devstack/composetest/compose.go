package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aftercall/aftercall/devstack/freeport"
)

// compose is the deployment under test: docker-compose.yml with .env.example, on ports of its own.
type compose struct {
	root    string // images are built from it
	dir     string // of the deployment: a deployer's part of root, and secrets
	project string
	profile string // beside demo
	env     []string
}

// endpoints are the base URLs of the published ports.
type endpoints struct{ api, webhook, simulator, ui, codec, balancedAPI, balancedWebhook string }

// newCompose makes the deployment, with secrets of its own, and chooses free ports, so that nothing of the user is in the
// way.
func newCompose(ctx context.Context, root string) (*compose, endpoints, error) {
	c := &compose{root: root, project: "aftercall-test", env: os.Environ()}
	if err := c.makeDir(ctx); err != nil {
		return nil, endpoints{}, err
	}
	var found [8]string
	for i := range found {
		listener, err := freeport.Listen()
		if err != nil {
			return nil, endpoints{}, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // held all at once, so that no two are the same
		found[i] = strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	}
	for name, value := range map[string]string{
		"AFTERCALL_API_PORT": found[0], "AFTERCALL_WEBHOOK_PUBLISH": "127.0.0.1:" + found[1], "SIMULATOR_PORT": found[2],
		"TEMPORAL_UI_PORT": found[3], "TEMPORAL_PORT": found[4], "AFTERCALL_CODEC_PORT": found[5],
		"AFTERCALL_BALANCER_API_PORT": found[6], "AFTERCALL_BALANCER_WEBHOOK_PORT": found[7],
		"AFTERCALL_DIAL_RATE": "5", // more calls while containers are restarted
	} {
		c.env = append(c.env, name+"="+value)
	}
	base := "http://127.0.0.1:"
	return c, endpoints{
		api: base + found[0], webhook: base + found[1], simulator: base + found[2], ui: base + found[3], codec: base + found[5],
		balancedAPI: base + found[6], balancedWebhook: base + found[7],
	}, nil
}

// makeDir copies a deployer's files into a folder, and makes secrets in it.
func (c *compose) makeDir(ctx context.Context) (err error) {
	if c.dir, err = os.MkdirTemp("", "compose-test"); err != nil {
		return err
	}
	for _, file := range []string{"docker-compose.yml", ".env.example", "deploy/temporal.yaml", "deploy/haproxy.cfg", "scripts/make-secrets"} {
		text, err := os.ReadFile(filepath.Join(c.root, file))
		if err != nil {
			return err
		}
		to := filepath.Join(c.dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, text, 0o755)); err != nil {
			return err
		}
	}
	return c.makeSecrets(ctx)
}

func (c *compose) makeSecrets(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, filepath.Join(c.dir, "scripts", "make-secrets")).CombinedOutput(); err != nil {
		return fmt.Errorf("make-secrets: %w: %s", err, out)
	}
	return nil
}

// do runs docker compose and returns its output. If it fails, the error has the end of the output.
func (c *compose) do(ctx context.Context, args ...string) (string, error) {
	return c.docker(ctx, append([]string{"compose", "-p", c.project, "--env-file", ".env.example", "--profile", "demo", "--profile", cmp.Or(c.profile, "demo")}, args...)...)
}

func (c *compose) docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, tail(string(out), 15))
	}
	return string(out), nil
}

func (c *compose) up(ctx context.Context) error {
	_, err := c.do(ctx, "up", "-d", "--wait", "--wait-timeout", "300")
	return err
}

// container is docker's description of one container.
type container struct {
	Name   string
	Config struct {
		Image  string
		User   string
		Labels map[string]string
	}
	State      struct{ Status string }
	HostConfig struct {
		ReadonlyRootfs bool
		CapAdd         []string
		CapDrop        []string
		SecurityOpt    []string
		RestartPolicy  struct{ Name string }
		PortBindings   map[string][]struct{ HostIP, HostPort string }
	}
}

func (c container) service() string { return c.Config.Labels["com.docker.compose.service"] }

// containers lists all containers of the deployment, also finished one-shots.
func (c *compose) containers(ctx context.Context) ([]container, error) {
	ids, err := c.do(ctx, "ps", "-aq")
	if err != nil {
		return nil, err
	}
	out, err := c.docker(ctx, append([]string{"inspect"}, strings.Fields(ids)...)...)
	if err != nil {
		return nil, err
	}
	var found []container
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return nil, fmt.Errorf("read docker inspect: %w", err)
	}
	if len(found) == 0 {
		return nil, errors.New("no containers")
	}
	return found, nil
}

// logs returns the output of the services that handle phone numbers.
func (c *compose) logs(ctx context.Context) (string, error) {
	return c.do(ctx, "logs", "--no-color", "--no-log-prefix", "serve", "worker", "setup", "temporal", "simulator")
}

// dumpLogs saves the logs that explain a failure.
func (c *compose) dumpLogs() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	states, _ := c.do(ctx, "ps", "-a")
	text, _ := c.do(ctx, "logs", "--no-color", "--timestamps", "--tail", "2000")
	path := filepath.Join(os.TempDir(), "compose-test.log")
	if err := os.WriteFile(path, []byte(states+"\n"+text), 0o600); err == nil {
		fmt.Fprintln(os.Stderr, "what the containers said is in "+path)
	}
	fmt.Fprintln(os.Stderr, states+tail(text, 40))
}

// removeAll removes everything.
func (c *compose) removeAll() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c.profile = "*"
	defer func() { c.profile = "" }()
	if out, err := c.do(ctx, "down", "-v", "--remove-orphans"); err != nil {
		fmt.Fprintln(os.Stderr, "composetest: down:", err, out)
	}
	// A volume that compose did not make itself, like one restored by hand, outlives "down -v".
	for _, v := range append(volumes, "dials") {
		if out, err := c.docker(ctx, "volume", "rm", "-f", c.project+"_"+v); err != nil {
			fmt.Fprintln(os.Stderr, "composetest: remove volume:", err, out)
		}
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
