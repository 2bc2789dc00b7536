package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errReported ends a command with exit code 1 that has already said what is wrong.
var errReported = errors.New("reported")

// usageError is a mistake in the arguments.
type usageError struct{ error }

// cli is what all commands share.
type cli struct {
	out        io.Writer
	errOut     io.Writer
	configPath string
	output     string
	apiURL     string
	adminURL   string
	began      bool // a command's own code runs: what fails now is no usage error
}

// execute runs the command that the arguments name, and returns the exit code.
func execute(ctx context.Context, args []string, out, errOut io.Writer) int {
	c := &cli{out: out, errOut: errOut}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage) || !c.began:
		fmt.Fprintf(errOut, "aftercall: %v\nSee aftercall --help.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(errOut, "aftercall: %v\n", err)
		return exitFailed
	}
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "aftercall",
		Short:         "Durable after-call work on Temporal",
		Long:          "aftercall turns every voice call status notification into durable work: keep the recording, retry the failed call,\ntell the workflow that waits.",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if c.output != "table" && c.output != "json" {
				return usageError{errors.New("--output must be table or json")}
			}
			return nil
		},
	}
	root.SetOut(c.out)
	root.SetErr(c.errOut)
	flags := root.PersistentFlags()
	flags.StringVar(&c.configPath, "config", "", "YAML file with settings; environment variables win over it")
	flags.StringVarP(&c.output, "output", "o", "table", "table, with masked numbers, or json, as the API answers")
	flags.StringVar(&c.apiURL, "api-url", fromEnv("AFTERCALL_API_URL", "http://127.0.0.1:8080"), "where the API is (AFTERCALL_API_URL)")
	flags.StringVar(&c.adminURL, "admin-url", "", "where the admin listener is; default: AFTERCALL_ADMIN_ADDR on this machine")
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run"}, &cobra.Group{ID: "use", Title: "Use"}, &cobra.Group{ID: "operate", Title: "Operate"})
	for group, commands := range map[string][]*cobra.Command{
		"run":     {c.serveCommand(), c.workerCommand(), c.runCommand(), c.setupCommand()},
		"use":     {c.callCommand(), c.maskCommand(), c.recordingCommand()},
		"operate": {c.inboxCommand(), c.webhookCommand(), c.keysCommand(), c.configCommand(), c.doctorCommand(), c.healthCommand(), c.versionCommand()},
	} {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
			c.noteBeginning(command)
		}
	}
	return root
}

// noteBeginning makes a command and those below it tell when their own code begins.
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

// group is a command that only has others below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return usageError{fmt.Errorf("%s needs one of its commands", cmd.CommandPath())}
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

// api is a client of the HTTP API.
func (c *cli) api() (*apiclient.Client, error) {
	key, err := apiKey()
	if err != nil {
		return nil, err
	}
	client, err := apiclient.New(c.apiURL, key)
	if err != nil {
		return nil, fmt.Errorf("AFTERCALL_API_URL: %w", err)
	}
	return client, nil
}

// apiKey is the key that the API is asked with: a secret, which may come from a file as every other one.
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
