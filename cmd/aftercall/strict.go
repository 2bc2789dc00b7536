package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// unread names the global flags that a command does not use. Giving one is an error; ignoring it would mislead.
var unread = map[string][]string{
	"serve": {"api-url", "admin-url", "output"}, "worker": {"api-url", "admin-url", "output"}, "run": {"api-url", "admin-url", "output"},
	"setup": {"api-url", "admin-url"}, "webhook": {"api-url", "admin-url"}, "config": {"api-url", "admin-url"}, "keys": {"api-url"},
	"call": {"admin-url", "config"}, "mask": {"admin-url", "config"}, "recording": {"admin-url", "config"}, "suppress": {"admin-url", "config"}, "erase": {"admin-url", "config"},
	"inbox": {"api-url"}, "health": {"api-url"}, "dial": {"api-url", "admin-url"}, "deploy": {"api-url", "admin-url", "config"},
	"version": {"api-url", "admin-url", "config"}, "completion": {"api-url", "admin-url", "config", "output"},
}

// checkFlags refuses what a command would ignore or misread: global flags that it does not use, empty values and empty
// arguments.
func (c *cli) checkFlags(cmd *cobra.Command, args []string) error {
	var wrong []string
	top := cmd
	for top.HasParent() && top.Parent().HasParent() {
		top = top.Parent()
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case slices.Contains(unread[top.Name()], f.Name):
			wrong = append(wrong, fmt.Sprintf("%s does not use --%s; omit it", cmd.CommandPath(), f.Name))
		case (f.Value.Type() == "string" || f.Value.Type() == "stringSlice") && strings.Trim(f.Value.String(), "[] ") == "":
			wrong = append(wrong, fmt.Sprintf("--%s must not be empty; omit it instead", f.Name))
		}
	})
	if c.output != "table" && c.output != "json" {
		c.output = "table"
		wrong = append(wrong, "--output must be table or json")
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.TrimSpace(a) == "" }) {
		wrong = append(wrong, "an argument must not be empty")
	}
	if len(wrong) > 0 {
		return usageError{errors.New(strings.Join(wrong, "\n  "))}
	}
	return nil
}

// strictHelpers makes the commands that cobra adds refuse unknown arguments.
func strictHelpers(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Args = func(_ *cobra.Command, args []string) error {
				if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return fmt.Errorf("unknown command %q", strings.Join(args, " "))
				}
				return nil
			}
		case "completion":
			cmd.Args = cobra.NoArgs
			cmd.RunE = func(*cobra.Command, []string) error {
				return usageError{errors.New("completion needs a shell: bash, fish, powershell or zsh")}
			}
		}
	}
}

// oneOf checks that a flag has one of the allowed values.
func oneOf(flag, value string, known []string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return usageError{fmt.Errorf("--%s must be one of %s, not %q", flag, strings.Join(known, ", "), value)}
}

// onlyWith refuses flags that need another one.
func onlyWith(cmd *cobra.Command, needed string, flags ...string) error {
	for _, name := range flags {
		if cmd.Flags().Changed(name) && !cmd.Flags().Changed(needed) {
			return usageError{fmt.Errorf("--%s needs --%s", name, needed)}
		}
	}
	return nil
}

// without refuses flags that exclude another one.
func without(cmd *cobra.Command, given string, flags ...string) error {
	for _, name := range flags {
		if cmd.Flags().Changed(name) && cmd.Flags().Changed(given) {
			return usageError{fmt.Errorf("--%s cannot be combined with --%s: leave one of them out", name, given)}
		}
	}
	return nil
}
