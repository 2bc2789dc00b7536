// Command simulator runs the stand-in for the provider as a program of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/aftercall/aftercall/internal/simulator"
)

const usage = `A stand-in for Unifonic: API, notifications and recordings.

  simulator [flags]          serve until interrupted
  simulator health [flags]   fail unless a simulator answers at --addr

Every flag can also come from the environment as SIMULATOR_<FLAG>, dashes as underscores.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.LookupEnv, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// errUsage means that the flag package has already reported the error.
var errUsage = errors.New("wrong usage")

// settings holds the flags of the command line.
type settings struct {
	simulator.Options
	credentialsFile string
}

func run(ctx context.Context, args []string, env func(string) (string, bool), out io.Writer) error {
	var set settings
	flags := set.flags(out)
	if err := fromEnv(flags, env); err != nil {
		return err
	}
	asksHealth := len(args) > 0 && args[0] == "health"
	if asksHealth {
		args = args[1:]
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if asksHealth {
		return health(ctx, set.Addr)
	}
	set.Log = slog.New(slog.NewTextHandler(out, nil))
	return set.serve(ctx)
}

func (s *settings) flags(out io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		_, _ = io.WriteString(out, usage+"\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&s.Addr, "addr", "127.0.0.1:8081", "`address` to listen on")
	flags.BoolVar(&s.AllowNonLoopback, "allow-non-loopback", false, "permit addresses that other machines reach")
	flags.Float64Var(&s.Speed, "speed", 1, "how many times faster than life")
	flags.Int64Var(&s.Seed, "seed", 0, "repeat identifiers with this seed; 0 is random")
	flags.StringVar(&s.PublicURL, "public-url", "", "base of recording URLs; http:// and the address where empty")
	flags.StringVar(&s.Webhook.URL, "webhook-url", "", "where notifications go until a webhook is registered")
	flags.StringVar(&s.Webhook.Username, "webhook-user", "", "user for Basic authentication of notifications")
	flags.StringVar(&s.Webhook.Password, "webhook-password", "", "password for Basic authentication of notifications")
	flags.StringVar(&s.credentialsFile, "webhook-credentials-file", "", "`file` whose first line is user:password, instead of the two")
	flags.IntVar(&s.RetryNotifications, "retry-notifications", 0, "how often an untaken notification is sent again")
	flags.BoolVar(&s.RefreshDeadLinks, "refresh-dead-links", false, "the call log answers fresh links for dead ones")
	return flags
}

// fromEnv sets flags from the environment. The command line then overrides them.
func fromEnv(flags *flag.FlagSet, env func(string) (string, bool)) error {
	var problems []error
	flags.VisitAll(func(f *flag.Flag) {
		name := "SIMULATOR_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, found := env(name)
		if !found || value == "" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			problems = append(problems, fmt.Errorf("read %s: %w", name, err))
		}
	})
	return errors.Join(problems...)
}

// serve runs a simulator until ctx ends.
func (s *settings) serve(ctx context.Context) error {
	if s.credentialsFile != "" {
		if err := s.readCredentials(); err != nil {
			return err
		}
	}
	sim, err := simulator.New(s.Options)
	if err != nil {
		return err
	}
	if err := sim.Start(); err != nil {
		return errors.Join(err, sim.Close())
	}
	<-ctx.Done()
	return sim.Close()
}

// readCredentials reads user and password from the same file as serve.
func (s *settings) readCredentials() error {
	text, err := os.ReadFile(s.credentialsFile)
	if err != nil {
		return fmt.Errorf("read webhook credentials: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var found bool
	if s.Webhook.Username, s.Webhook.Password, found = strings.Cut(strings.TrimSpace(line), ":"); !found {
		return fmt.Errorf("read webhook credentials: %s does not begin with user:password", s.credentialsFile)
	}
	return nil
}

func health(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	target := "http://" + net.JoinHostPort(host, port) + "/simulator/calls"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("build health request: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask simulator: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask simulator: it answered %s", response.Status)
	}
	return nil
}
