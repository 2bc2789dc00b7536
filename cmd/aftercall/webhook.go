package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/unifonic"
)

func (c *cli) webhookCommand() *cobra.Command {
	return group("webhook", "Register the webhook with the provider, show and check it",
		c.webhookRegisterCommand(), c.webhookShowCommand(), c.webhookCheckCommand())
}

// registration is an application's webhook at the provider.
type registration struct {
	client *unifonic.Client
	opts   []unifonic.WebhookOption
	want   unifonic.WebhookRequest
}

// registrationAnswer is the output of the webhook commands.
type registrationAnswer struct {
	URL       string `json:"url,omitempty"`
	BasicAuth *bool  `json:"basicAuth,omitempty"`
	Username  string `json:"username,omitempty"`
	Changed   bool   `json:"changed,omitempty"`
	DryRun    bool   `json:"dryRun,omitempty"` // nothing was registered
	Differs   string `json:"differs,omitempty"`
}

func (c *cli) registration(target string, masking bool) (registration, error) {
	cfg, err := c.settings()
	if err != nil {
		return registration{}, err
	}
	client, err := app.Provider(cfg, nil)
	if err != nil {
		return registration{}, err
	}
	r := registration{client: client, want: unifonic.WebhookRequest{URL: target}}
	r.want.Username, r.want.Password = firstCredential(cfg)
	if masking {
		r.opts = append(r.opts, unifonic.ForMasking())
	}
	return r, nil
}

func firstCredential(cfg config.Config) (user, password string) {
	if len(cfg.WebhookCredentials) > 0 {
		user, password, _ = strings.Cut(cfg.WebhookCredentials[0], ":")
	}
	return user, password
}

// read returns the registered webhook. No webhook is no error.
func (r registration) read(ctx context.Context) (unifonic.WebhookSettings, error) {
	got, err := r.client.Webhook(ctx, r.opts...)
	if errors.Is(err, unifonic.ErrNotFound) {
		return got, nil
	}
	return got, err
}

// difference says how the registered webhook differs from the wanted one. It returns "" if they agree. It cannot see what
// the provider does not return, like the password.
func (r registration) difference(got unifonic.WebhookSettings) string {
	switch {
	case got.URL == "":
		return "no webhook is registered"
	case got.URL != r.want.URL:
		return "a different URL is registered"
	case got.BasicAuth != nil && *got.BasicAuth != (r.want.Username != ""):
		return "Basic auth is on for one and off for the other"
	case got.Username != "" && got.Username != r.want.Username:
		return "a different user name is registered"
	}
	return ""
}

func (c *cli) webhookRegisterCommand() *cobra.Command {
	var masking, force bool
	cmd := &cobra.Command{
		Use: "register URL", Short: "Register URL with the first of AFTERCALL_WEBHOOK_CREDENTIALS", Args: webhookURL,
		Long: "Reads the registered webhook, registers only if something differs, and reads it again. The provider never tells the\n" +
			"password: after changing it, use --force.",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.registration(args[0], masking)
			if err != nil {
				return err
			}
			if r.want.Username == "" {
				return errors.New("AFTERCALL_WEBHOOK_CREDENTIALS must be set: the webhook would refuse every notification")
			}
			return c.register(cmd.Context(), r, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "register even if nothing differs")
	maskingFlag(cmd, &masking)
	c.dryRunFlag(cmd)
	return cmd
}

func (c *cli) register(ctx context.Context, r registration, force bool) error {
	got, err := r.read(ctx)
	if err != nil {
		return err
	}
	differs := r.difference(got)
	changed := force || differs != ""
	if c.dryRun {
		return c.rehearseWebhook(r.want, differs, changed)
	}
	if changed {
		if err := r.client.SetWebhook(ctx, r.want, r.opts...); err != nil {
			return err
		}
		if got, err = r.read(ctx); err != nil {
			return err
		}
		if differs := r.difference(got); differs != "" {
			return fmt.Errorf("the provider accepted the webhook, but then %s", differs)
		}
	}
	return c.webhook(got, changed)
}

// rehearseWebhook prints what would be registered, and why.
func (c *cli) rehearseWebhook(want unifonic.WebhookRequest, differs string, changed bool) error {
	switch {
	case c.output == "json":
		return c.printJSON(registrationAnswer{URL: want.URL, Username: want.Username, Changed: changed, DryRun: true, Differs: differs})
	case !changed:
		c.println("Nothing would be changed: that webhook is registered.")
		return nil
	}
	c.fields("Nothing was registered. It would be", "URL", want.URL, "User", want.Username, "Because", cmp.Or(differs, "--force is given"))
	return nil
}

func (c *cli) webhookShowCommand() *cobra.Command {
	var masking bool
	cmd := &cobra.Command{
		Use: "show", Short: "Show what is registered", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := c.registration("", masking)
			if err != nil {
				return err
			}
			got, err := r.read(cmd.Context())
			if err != nil {
				return err
			}
			if got.URL == "" {
				return errors.New("no webhook is registered: aftercall webhook register URL")
			}
			return c.webhook(got, false)
		},
	}
	maskingFlag(cmd, &masking)
	return cmd
}

func (c *cli) webhookCheckCommand() *cobra.Command {
	var masking bool
	cmd := &cobra.Command{
		Use: "check URL", Short: "Fail unless URL is registered with our credentials", Args: webhookURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := c.registration(args[0], masking)
			if err != nil {
				return err
			}
			got, err := r.read(cmd.Context())
			if err != nil {
				return err
			}
			if differs := r.difference(got); differs != "" {
				return fmt.Errorf("%s: aftercall webhook register URL", differs)
			}
			return c.webhook(got, false)
		},
	}
	maskingFlag(cmd, &masking)
	return cmd
}

func (c *cli) webhook(got unifonic.WebhookSettings, changed bool) error {
	if c.output == "json" {
		return c.printJSON(registrationAnswer{URL: got.URL, BasicAuth: got.BasicAuth, Username: got.Username, Changed: changed})
	}
	title := "Webhook, as registered"
	if changed {
		title = "Webhook, registered now"
	}
	auth := "not told by the provider"
	if got.BasicAuth != nil {
		auth = map[bool]string{true: "yes", false: "no"}[*got.BasicAuth]
	}
	c.fields(title, "URL", got.URL, "Basic auth", auth, "User", got.Username)
	return nil
}

func maskingFlag(cmd *cobra.Command, masking *bool) {
	cmd.Flags().BoolVar(masking, "masking", false, "the number masking application's webhook instead of that of outgoing calls")
}

// webhookPath is the route that receives notifications.
const webhookPath = "/webhooks/unifonic"

// webhookURL accepts one argument, a URL at which notifications can arrive.
func webhookURL(cmd *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(cmd, args); err != nil {
		return err
	}
	const example = "like https://calls.example.com" + webhookPath
	u, err := url.Parse(args[0])
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("URL must be an https URL, " + example)
	case u.User != nil:
		return errors.New("URL must not hold a user or password: the first of AFTERCALL_WEBHOOK_CREDENTIALS is registered beside it")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("URL must end with its path, " + example)
	case !strings.HasSuffix(strings.TrimRight(u.Path, "/"), webhookPath):
		return errors.New("URL must have the path " + webhookPath + ", at which aftercall takes notifications, after whatever a proxy in front adds: " + example)
	case u.Scheme == "http" && !private(u.Hostname()):
		return errors.New("URL must begin with https: over plain http the password and the numbers could be read on the way; put a proxy with TLS in front, or set AFTERCALL_TLS_CERT_FILE")
	}
	return nil
}

// private reports whether a host can only be reached without the internet. A stand-in for the provider posts to such hosts.
func private(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".internal")
}
