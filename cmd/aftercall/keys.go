package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/keys"
)

func (c *cli) keysCommand() *cobra.Command {
	return group("keys", "Keys that encrypt and hash what is kept", c.keysNewCommand(), c.keysStatusCommand())
}

func (c *cli) keysNewCommand() *cobra.Command {
	return &cobra.Command{
		Use: "new", Short: "Make an encryption key and a hash key, and print them; nothing is changed", Args: cobra.NoArgs,
		Long: "Make an encryption key and a hash key, and print them as settings. To rotate, add the encryption key second everywhere,\n" +
			"then move it first (a process reads them again at SIGHUP); keep the old one for as long as Temporal and the inbox keep\nwhat it has encrypted. The hash key is never changed once it is in use.",
		RunE: func(*cobra.Command, []string) error {
			made := keys.New(time.Now())
			if c.output == "json" {
				return c.printJSON(made)
			}
			c.println(strings.TrimSpace(made.String()))
			return nil
		},
	}
}

func (c *cli) keysStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show which keys this process would use", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.settings()
			if err != nil {
				return err
			}
			status, err := app.KeysOf(cfg)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(status)
			}
			c.println("Encrypts: " + orNone(status.Encrypts))
			c.println("Decrypt too: " + orNone(strings.Join(status.Decrypt, ", ")))
			c.println("Hash key: " + orNone(status.HashKey))
			return nil
		},
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
