package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const exitCodes = "Exit codes: 0 done; 1 failed, or a check found a fault; 2 the command line is wrong\n" +
	"and nothing was done. With --output json an error is a problem object on standard error."

// errReported ends a command with exit code 1 after it has printed what is wrong.
var errReported = errors.New("reported")

// usageError is an error in the arguments.
type usageError struct{ error }

// cli holds what all commands share.
type cli struct {
	out        io.Writer
	errOut     io.Writer
	configPath string
	output     string
	apiURL     string
	adminURL   string
	dryRun     bool
	noted      bool // it was reported that the API does not answer
	began      bool // a command's own code runs: from now on an error is no usage error
}

// execute runs the command that the arguments name. It returns the exit code.
func execute(ctx context.Context, args []string, out, errOut io.Writer) int {
	c := &cli{out: out, errOut: errOut}
	root := c.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage) || !c.began:
		c.complain(err, exitUsage, seeHelp(cmd))
		return exitUsage
	default:
		c.complain(err, exitFailed, "")
		return exitFailed
	}
}

func seeHelp(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "See aftercall --help."
	}
	return "See " + cmd.CommandPath() + " --help, or aftercall --help."
}

// complain prints an error: as text, or with --output json as a problem object.
func (c *cli) complain(err error, code int, see string) {
	if c.output == "json" {
		_ = json.NewEncoder(c.errOut).Encode(problemOf(err, code))
		return
	}
	_, _ = fmt.Fprintf(c.errOut, "aftercall: %v\n", err)
	if see != "" {
		_, _ = fmt.Fprintln(c.errOut, see)
	}
}

// problem is an error for scripts. An error of the API and one of the command itself have the same form.
type problem struct {
	Type         string                 `json:"type"`
	Title        string                 `json:"title"`
	Status       int                    `json:"status,omitempty"` // of the answer, if there was one
	Detail       string                 `json:"detail"`
	ExitCode     int                    `json:"exitCode"`
	DeadLetterID string                 `json:"deadLetterId,omitempty"`
	Errors       []apiclient.FieldError `json:"errors,omitempty"`
}

func problemOf(err error, code int) problem {
	p := problem{Type: "/problems/cli-failed", Title: "The command failed", Detail: err.Error(), ExitCode: code}
	if code == exitUsage {
		p.Type, p.Title = "/problems/cli-usage", "The command line is wrong"
	}
	if answer, ok := errors.AsType[*apiclient.Error](err); ok {
		p.Type, p.Title, p.Status = answer.Type, answer.Title, answer.Status
		p.Detail, p.DeadLetterID, p.Errors = answer.Detail, answer.DeadLetterID, answer.Errors
	}
	return p
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "aftercall",
		Short:             "Durable after-call work on Temporal",
		SilenceErrors:     true,
		SilenceUsage:      true,
		Long:              "aftercall turns every voice call status notification into durable work: keep the recording, retry the failed call,\ntell the workflow that waits.\n\n" + exitCodes,
		PersistentPreRunE: c.checkFlags,
	}
	root.SetOut(c.out)
	root.SetErr(c.errOut)
	flags := root.PersistentFlags()
	flags.StringVar(&c.configPath, "config", "", "YAML file with settings; environment variables override it")
	flags.StringVarP(&c.output, "output", "o", "table", "table, with masked numbers, or json, as the API answers")
	flags.StringVar(&c.apiURL, "api-url", fromEnv("AFTERCALL_API_URL", "http://127.0.0.1:8080"), "URL of the API (AFTERCALL_API_URL)")
	flags.StringVar(&c.adminURL, "admin-url", "", "URL of the admin listener; default: AFTERCALL_ADMIN_ADDR on this machine")
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run"}, &cobra.Group{ID: "use", Title: "Use"}, &cobra.Group{ID: "operate", Title: "Operate"})
	for group, commands := range map[string][]*cobra.Command{
		"run":     {c.serveCommand(), c.workerCommand(), c.runCommand(), c.setupCommand()},
		"use":     {c.callCommand(), c.maskCommand(), c.recordingCommand(), c.callbackCommand(), c.suppressCommand(), c.eraseCommand()},
		"operate": {c.inboxCommand(), c.dialCommand(), c.deployCommand(), c.webhookCommand(), c.keysCommand(), c.configCommand(), c.doctorCommand(), c.healthCommand(), c.versionCommand()},
	} {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
			c.noteBeginning(command)
		}
	}
	strictHelpers(root)
	for _, command := range root.Commands() {
		if command.GroupID == "use" {
			nameTheKey(command)
		}
	}
	return root
}

// nameTheKey adds the API key to the help of a command and its subcommands.
func nameTheKey(command *cobra.Command) {
	command.Long = cmp.Or(command.Long, command.Short+".") +
		"\n\nThe command sends the key in AFTERCALL_API_KEY, or in the file AFTERCALL_API_KEY_FILE, to the API at --api-url or\nAFTERCALL_API_URL: one of the server's AFTERCALL_API_KEYS, without its name."
	for _, below := range command.Commands() {
		nameTheKey(below)
	}
}

// noteBeginning makes a command and its subcommands record when their own code begins.
func (c *cli) noteBeginning(command *cobra.Command) {
	run := command.RunE
	if run != nil {
		command.RunE = func(cmd *cobra.Command, args []string) error {
			c.began = true
			return run(cmd, args)
		}
	}
	for _, below := range command.Commands() {
		c.noteBeginning(below)
	}
}

// group returns a command that only has subcommands.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return usageError{fmt.Errorf("%s needs a subcommand", cmd.CommandPath())}
	}}
	g.AddCommand(below...)
	return g
}

func fromEnv(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

func (c *cli) settings() (config.Config, error) { return config.Load(c.configPath) }

// deployment returns aftercall's configuration and Temporal's.
func (c *cli) deployment() (config.Config, client.Options, error) {
	cfg, err := c.settings()
	if err != nil {
		return cfg, client.Options{}, err
	}
	target, err := temporalclient.FromEnvironment()
	return cfg, target, err
}

// api returns a client of the HTTP API.
func (c *cli) api() (*apiclient.Client, error) {
	key, err := apiKey()
	if err != nil {
		return nil, err
	}
	api, err := apiclient.New(c.apiURL, key)
	if err != nil {
		return nil, fmt.Errorf("--api-url, or AFTERCALL_API_URL: %w", err)
	}
	api.OnUnauthorized("Set AFTERCALL_API_KEY, or AFTERCALL_API_KEY_FILE, to one of the server's AFTERCALL_API_KEYS, without its name.")
	return api, nil
}

// apiKey returns the key for the API. As any secret, it may come from a file.
func apiKey() (string, error) {
	path := os.Getenv("AFTERCALL_API_KEY_FILE")
	if path == "" {
		return os.Getenv("AFTERCALL_API_KEY"), nil
	}
	if os.Getenv("AFTERCALL_API_KEY") != "" {
		return "", errors.New("AFTERCALL_API_KEY_FILE: AFTERCALL_API_KEY is set too; set one of them")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("AFTERCALL_API_KEY_FILE: %w", err)
	}
	key, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if key = strings.TrimSpace(key); key == "" {
		return "", fmt.Errorf("AFTERCALL_API_KEY_FILE: %s is empty", path)
	}
	return key, nil
}
