// Package config reads aftercall's settings: environment variables first, then an optional YAML file, then defaults.
// Every setting is a field of Config; nothing else in the product reads the environment, but for Temporal's own
// variables (TEMPORAL_…), which package temporalclient reads.
package config

import (
	"net"
	"net/netip"
	"time"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/rules"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Config holds every setting of aftercall. The tag env names the variable, doc says what it means, yaml is its key in a
// file, secret hides it and allows it to come from a file (the variable's name with _FILE, one value per line); of a secret
// "url" only what is secret in it is hidden.
type Config struct {
	HTTPAddr    string        `env:"AFTERCALL_HTTP_ADDR" yaml:"http_addr" doc:"public listener: webhook and API" validate:"required,hostport"`
	WebhookAddr string        `env:"AFTERCALL_WEBHOOK_ADDR" yaml:"webhook_addr" doc:"optional listener that serves only the webhook" validate:"omitempty,hostport"`
	AdminAddr   string        `env:"AFTERCALL_ADMIN_ADDR" yaml:"admin_addr" doc:"health, metrics, profiles and the inbox commands; never make it public" validate:"required,hostport"`
	AdminToken  string        `env:"AFTERCALL_ADMIN_TOKEN" yaml:"admin_token" secret:"true" doc:"token for everything on the admin listener but health and metrics; without it, a listener off loopback serves only these two"`
	AdminHosts  []string      `env:"AFTERCALL_ADMIN_HOSTS" yaml:"admin_hosts" doc:"host names that the admin listener accepts besides addresses and localhost, separated by commas"`
	MetricsAddr string        `env:"AFTERCALL_METRICS_ADDR" yaml:"metrics_addr" doc:"optional listener that serves only /metrics" validate:"omitempty,hostport"`
	TLSCertFile string        `env:"AFTERCALL_TLS_CERT_FILE" yaml:"tls_cert_file" doc:"PEM file with the certificate of all listeners, reloaded when it changes; empty: plain HTTP" validate:"required_with=TLSKeyFile"`
	TLSKeyFile  string        `env:"AFTERCALL_TLS_KEY_FILE" yaml:"tls_key_file" doc:"PEM file with the certificate's key" validate:"required_with=TLSCertFile"`
	Drain       time.Duration `env:"AFTERCALL_DRAIN" yaml:"drain" doc:"how long to keep serving after the stop signal, while /healthz and /readyz answer 503" validate:"min=0"`
	AuditLog    string        `env:"AFTERCALL_AUDIT_LOG" yaml:"audit_log" doc:"file for the audit log, or - for standard output: one line of JSON for each placing, opening, closing, listening, revealing, dropping and requeueing"`

	TrustedProxies []string `env:"AFTERCALL_TRUSTED_PROXIES" yaml:"trusted_proxies" doc:"addresses or networks of proxies in front, separated by commas: only their X-Forwarded-For is trusted, and their connections have no limit per address" validate:"dive,ip|cidr"`

	WebhookCredentials          []string `env:"AFTERCALL_WEBHOOK_CREDENTIALS" yaml:"webhook_credentials" secret:"true" doc:"user:password that the provider sends; several may be valid at once, separated by commas" validate:"dive,userpassword"`
	WebhookAllowUnauthenticated bool     `env:"AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED" yaml:"webhook_allow_unauthenticated" doc:"accept notifications from anyone who knows the address"`
	APIKeys                     []string `env:"AFTERCALL_API_KEYS" yaml:"api_keys" secret:"true" doc:"name:key or name:key:scope+scope of each API client, separated by commas; scopes are call, read, listen, erase and urgent, by default the first three; empty: the API answers 401" validate:"dive,userpassword"`

	InboxURL            string        `env:"AFTERCALL_INBOX_URL" yaml:"inbox_url" secret:"url" doc:"where notifications are committed before they are acknowledged: a sqlite: file for one serve, or a postgres:// database for any number" validate:"required"`
	InboxRetention      time.Duration `env:"AFTERCALL_INBOX_RETENTION" yaml:"inbox_retention" doc:"how long a dispatched notification's payload is kept; its key is kept 7 days" validate:"gt=0"`
	DeadLetterRetention time.Duration `env:"AFTERCALL_DEADLETTER_RETENTION" yaml:"deadletter_retention" doc:"how long a dead letter is kept" validate:"gt=0"`
	NamespaceRetention  time.Duration `env:"AFTERCALL_NAMESPACE_RETENTION" yaml:"namespace_retention" doc:"how long Temporal keeps closed workflows in a namespace that setup makes, and in one that exists after setup --retention" validate:"min=168h"`
	DispatchConcurrency int           `env:"AFTERCALL_DISPATCH_CONCURRENCY" yaml:"dispatch_concurrency" doc:"maximum of concurrent signals to Temporal; fewer while it answers slowly or its workers are behind" validate:"min=1,max=1000"`

	RecordingsURL       string        `env:"AFTERCALL_RECORDINGS_URL" yaml:"recordings_url" doc:"where recordings are stored: a file: or s3: URL" validate:"required"`
	RecordingsRetention time.Duration `env:"AFTERCALL_RECORDINGS_RETENTION" yaml:"recordings_retention" doc:"how long a recording is kept after it was stored; 0: until it is deleted" validate:"min=0"`
	RecordingHosts      []string      `env:"AFTERCALL_RECORDING_HOSTS" yaml:"recording_hosts" doc:"hosts to fetch recordings from: exact host or host:port, separated by commas" validate:"dive,recordinghost"`
	RecordingAllowHTTP  bool          `env:"AFTERCALL_RECORDING_ALLOW_HTTP" yaml:"recording_allow_http" doc:"also fetch recordings over plain HTTP, which the simulator uses"`

	CallbackHosts        []string `env:"AFTERCALL_CALLBACK_HOSTS" yaml:"callback_hosts" doc:"hosts that notify.url may name: exact host or host:port, separated by commas; empty: such a request is refused" validate:"dive,recordinghost"`
	CallbackSecrets      []string `env:"AFTERCALL_CALLBACK_SECRETS" yaml:"callback_secrets" secret:"true" doc:"whsec_ and the base64 of 24 to 64 bytes: each secret signs every callback, separated by commas while one replaces another; read again on SIGHUP" validate:"dive,callbacksecret"`
	CallbackAllowHTTP    bool     `env:"AFTERCALL_CALLBACK_ALLOW_HTTP" yaml:"callback_allow_http" doc:"also post callbacks over plain HTTP"`
	CallbackAllowPrivate bool     `env:"AFTERCALL_CALLBACK_ALLOW_PRIVATE" yaml:"callback_allow_private" doc:"a host of AFTERCALL_CALLBACK_HOSTS may have a private address or be this machine; without it only a literal address with its port may"`

	UnifonicBaseURL        string        `env:"AFTERCALL_UNIFONIC_BASE_URL" yaml:"unifonic_base_url" doc:"base URL of the provider's API" validate:"required,http_url"`
	UnifonicAppsID         string        `env:"AFTERCALL_UNIFONIC_APPS_ID" yaml:"unifonic_apps_id" secret:"true" doc:"AppsId of the application for outgoing calls"`
	UnifonicMaskingAppsID  string        `env:"AFTERCALL_UNIFONIC_MASKING_APPS_ID" yaml:"unifonic_masking_apps_id" secret:"true" doc:"AppsId of the number masking application; default: the AppsId for outgoing calls"`
	UnifonicApplicationIDs []string      `env:"AFTERCALL_UNIFONIC_APPLICATION_IDS" yaml:"unifonic_application_ids" doc:"accepted applicationIds, separated by commas: a notification with another one is a dead letter; empty: all"`
	UnifonicTimezone       string        `env:"AFTERCALL_UNIFONIC_TIMEZONE" yaml:"unifonic_timezone" doc:"time zone of provider times that carry none" validate:"required,timezone"`
	UnifonicTimeout        time.Duration `env:"AFTERCALL_UNIFONIC_TIMEOUT" yaml:"unifonic_timeout" doc:"timeout of one request to the provider's API" validate:"gt=0"`

	UnifonicStatusAliases []string `env:"AFTERCALL_UNIFONIC_STATUS_ALIASES" yaml:"unifonic_status_aliases" doc:"the provider's words for call statuses besides the built-in ones: WORD=STATUS, separated by commas, like HANGUP=COMPLETED" validate:"dive,statusalias"`

	UnifonicMaskCreatePaths []string `env:"AFTERCALL_UNIFONIC_MASK_CREATE_PATHS" yaml:"unifonic_mask_create_paths" doc:"paths below the base URL that create a one-way mask: each is tried if the one before it answers 403 or 404" validate:"required"`
	UnifonicMaskPaths       []string `env:"AFTERCALL_UNIFONIC_MASK_PATHS" yaml:"unifonic_mask_paths" doc:"paths that read and deactivate one mask, tried in the same way" validate:"required,dive,contains={maskId}"`

	CallGrace        time.Duration `env:"AFTERCALL_CALL_GRACE" yaml:"call_grace" doc:"how long a call with an outcome stays open for late notifications" validate:"gt=0"`
	FailoverGrace    time.Duration `env:"AFTERCALL_FAILOVER_GRACE" yaml:"failover_grace" doc:"how long the provider may take to fail over to the secondary caller ID by itself" validate:"gt=0"`
	CallMaxAge       time.Duration `env:"AFTERCALL_CALL_MAX_AGE" yaml:"call_max_age" doc:"how long after its last event a call without a final status is closed as unknown" validate:"gt=0"`
	ReconcileAfter   time.Duration `env:"AFTERCALL_RECONCILE_AFTER" yaml:"reconcile_after" doc:"how long a call may be silent before the provider's call log is asked" validate:"gt=0"`
	VerifyFailures   bool          `env:"AFTERCALL_VERIFY_FAILURES" yaml:"verify_failures" doc:"ask the call log whether a call really failed before retrying"`
	DialRate         float64       `env:"AFTERCALL_DIAL_RATE" yaml:"dial_rate" doc:"calls per second that the whole fleet places; the same for setup and every worker; 0 dials nothing until aftercall dial start" validate:"min=0,eq=0|min=0.0001,max=100000"`
	DialLedgerURL    string        `env:"AFTERCALL_DIAL_LEDGER_URL" yaml:"dial_ledger_url" doc:"where dials are claimed, so that no restore and no failover dials again: a file: or s3: URL, the same for all workers; never back it up" validate:"required"`
	AllowedPrefixes  []string      `env:"AFTERCALL_ALLOWED_PREFIXES" yaml:"allowed_prefixes" doc:"rule prefix: prefixes of the numbers that may be called, like +966, separated by commas; empty: all" validate:"dive,phoneprefix"`
	AllowedCallerIDs []string      `env:"AFTERCALL_ALLOWED_CALLER_IDS" yaml:"allowed_caller_ids" doc:"rule caller-id: the caller IDs that may be used, separated by commas; empty: all" validate:"dive,phone"`
	PersonDaily      int           `env:"AFTERCALL_PERSON_DAILY" yaml:"person_daily" doc:"rule person-daily: maximum of dials of one number per day, over all requests; 0: no limit" validate:"min=0"`
	PersonGap        time.Duration `env:"AFTERCALL_PERSON_GAP" yaml:"person_gap" doc:"rule person-gap: minimum time between two dials of one number, over all requests; 0: none" validate:"min=0,max=720h"`
	Rules            string        `env:"AFTERCALL_RULES" yaml:"rules" doc:"rules consent and class-hours: sa for Saudi Arabia's; empty: none" validate:"omitempty,oneof=sa"`
	Ramadan          []string      `env:"AFTERCALL_RAMADAN" yaml:"ramadan" doc:"first and last day of each Ramadan as announced, like 2027-02-08/2027-03-09, separated by commas; default: the calendar of Umm al-Qura" validate:"dive,ramadan"`
	RulesTimezone    string        `env:"AFTERCALL_RULES_TIMEZONE" yaml:"rules_timezone" doc:"time zone of the days of rule person-daily" validate:"required,timezone"`
	WorkflowCache    int64         `env:"AFTERCALL_WORKFLOW_CACHE" yaml:"workflow_cache" doc:"bytes of memory in which a worker caches workflows; it replays others from their history" validate:"min=1048576"`
	LookupRate       float64       `env:"AFTERCALL_LOOKUP_RATE" yaml:"lookup_rate" doc:"requests per second that the whole fleet sends to the call log" validate:"gt=0,min=0.0001,max=100000"`

	EncryptionKeys    []string `env:"AFTERCALL_ENCRYPTION_KEYS" yaml:"encryption_keys" secret:"true" doc:"id:base64 of 32 bytes, separated by commas: the first encrypts what Temporal and the inbox keep, all decrypt; from aftercall keys new"`
	HashKey           string   `env:"AFTERCALL_HASH_KEY" yaml:"hash_key" secret:"true" doc:"base64 of 32 bytes: makes the hashes that replace numbers in ids; never change it; from aftercall keys new"`
	RequireEncryption bool     `env:"AFTERCALL_REQUIRE_ENCRYPTION" yaml:"require_encryption" doc:"refuse to start without both keys; if false, a start without them warns and stores everything in clear"`

	CodecAddr    string   `env:"AFTERCALL_CODEC_ADDR" yaml:"codec_addr" doc:"optional listener that decrypts payloads for the Temporal UI and CLI; anyone who reaches it can read everything" validate:"omitempty,hostport"`
	CodecToken   string   `env:"AFTERCALL_CODEC_TOKEN" yaml:"codec_token" secret:"true" doc:"bearer token of the codec listener; required off loopback unless the listener is published on loopback only"`
	CodecOrigins []string `env:"AFTERCALL_CODEC_ORIGINS" yaml:"codec_origins" doc:"exact origins of the pages that may use the codec listener, separated by commas: the Temporal UI's, like http://localhost:8233" validate:"dive,origin"`

	LogLevel  string `env:"AFTERCALL_LOG_LEVEL" yaml:"log_level" doc:"debug, info, warn or error" validate:"oneof=debug info warn error"`
	LogFormat string `env:"AFTERCALL_LOG_FORMAT" yaml:"log_format" doc:"text or json" validate:"oneof=text json"`

	unreadKeys error // why the files of the two keys are unreadable
}

// Default returns the defaults of all settings.
func Default() Config {
	return Config{
		HTTPAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:9090",
		InboxURL: "sqlite:data/inbox.db", InboxRetention: 24 * time.Hour, DeadLetterRetention: 90 * 24 * time.Hour, NamespaceRetention: 30 * 24 * time.Hour, DispatchConcurrency: 8,
		RecordingsURL:   "file:data/recordings",
		UnifonicBaseURL: "https://voice.unifonic.com/v1", UnifonicTimezone: "UTC", UnifonicTimeout: 10 * time.Second,
		UnifonicMaskCreatePaths: []string{"providers/masks", "providers/config/masks"},
		UnifonicMaskPaths:       []string{"providers/masks/{maskId}", "providers/{maskId}"},
		CallGrace:               time.Hour, FailoverGrace: 2 * time.Minute, CallMaxAge: 24 * time.Hour, ReconcileAfter: 5 * time.Minute,
		WorkflowCache:  56 << 20,
		VerifyFailures: true, DialRate: 1, DialLedgerURL: "file:data/dials", RulesTimezone: "Asia/Riyadh", LookupRate: 5,
		LogLevel: "info", LogFormat: "text",
	}
}

// CallSettings returns the settings that a Call workflow gets in its input.
func (c Config) CallSettings() contract.CallSettings {
	return contract.CallSettings{Grace: c.CallGrace, FailoverGrace: c.FailoverGrace, MaxAge: c.CallMaxAge, ReconcileAfter: c.ReconcileAfter}
}

// TrustedPrefixes returns the networks of AFTERCALL_TRUSTED_PROXIES.
func (c Config) TrustedPrefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range c.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if a, errAddr := netip.ParseAddr(text); errAddr == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err == nil { // Load has refused it before
			out = append(out, p)
		}
	}
	return out
}

// Scheme returns the URL scheme of the listeners.
func (c Config) Scheme() string {
	if c.TLSCertFile != "" {
		return "https"
	}
	return "http"
}

// Reach returns the URL of a listener for this machine. The listener may listen on every address.
func (c Config) Reach(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return c.Scheme() + "://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return c.Scheme() + "://" + net.JoinHostPort(host, port)
}

// DialRules returns the rules that every dial must keep.
func (c Config) DialRules() rules.Rules {
	zone, err := time.LoadLocation(c.RulesTimezone)
	if err != nil {
		zone = time.UTC // Load has refused it before
	}
	r := rules.Rules{
		Prefixes: c.AllowedPrefixes, CallerIDs: c.AllowedCallerIDs, Country: c.Rules,
		PersonDaily: c.PersonDaily, PersonGap: c.PersonGap, Zone: zone,
	}
	for _, month := range c.Ramadan {
		if p, err := rules.ParsePeriod(month); err == nil {
			r.Ramadan = append(r.Ramadan, p)
		}
	}
	return r
}

// Location returns the time zone of provider times that carry none.
func (c Config) Location() *time.Location {
	loc, err := time.LoadLocation(c.UnifonicTimezone)
	if err != nil {
		return time.UTC // Load has refused it before
	}
	return loc
}

// StatusWords returns the provider's words for statuses besides the built-in ones.
func (c Config) StatusWords() unifonic.StatusWords {
	words, err := unifonic.NewStatusWords(c.UnifonicStatusAliases)
	if err != nil {
		return unifonic.StatusWords{} // Load has refused it before
	}
	return words
}

// OutboundSettings returns the settings that an OutboundCall workflow gets in its input.
func (c Config) OutboundSettings() contract.OutboundSettings {
	return contract.OutboundSettings{VerifyFailures: c.VerifyFailures, Grace: c.CallGrace, MaxAge: c.CallMaxAge, ProviderTimeout: c.UnifonicTimeout}
}

// MaskingSettings returns the settings that a MaskingSession workflow gets in its input.
func (c Config) MaskingSettings() contract.MaskingSettings {
	return contract.MaskingSettings{Grace: c.CallGrace, ProviderTimeout: c.UnifonicTimeout}
}
