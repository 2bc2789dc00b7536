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

// Config is every setting of aftercall. The tag env names the variable, doc says what it means, yaml is its key in a
// file, secret hides it and allows it to come from a file (the variable's name with _FILE, one value per line).
type Config struct {
	HTTPAddr    string        `env:"AFTERCALL_HTTP_ADDR" yaml:"http_addr" doc:"public listener: webhook and API" validate:"required,hostport"`
	WebhookAddr string        `env:"AFTERCALL_WEBHOOK_ADDR" yaml:"webhook_addr" doc:"where set, a listener that serves the webhook and nothing else" validate:"omitempty,hostport"`
	AdminAddr   string        `env:"AFTERCALL_ADMIN_ADDR" yaml:"admin_addr" doc:"health, metrics, profiles and the inbox commands; never make it public" validate:"required,hostport"`
	AdminToken  string        `env:"AFTERCALL_ADMIN_TOKEN" yaml:"admin_token" secret:"true" doc:"asked for on the admin listener for everything but health and metrics, which are all that it serves off loopback without one"`
	AdminHosts  []string      `env:"AFTERCALL_ADMIN_HOSTS" yaml:"admin_hosts" doc:"names under which the admin listener answers, beside addresses and localhost, by comma"`
	MetricsAddr string        `env:"AFTERCALL_METRICS_ADDR" yaml:"metrics_addr" doc:"where set, a listener that serves /metrics and nothing else" validate:"omitempty,hostport"`
	TLSCertFile string        `env:"AFTERCALL_TLS_CERT_FILE" yaml:"tls_cert_file" doc:"PEM file with the certificate of all listeners, read again when it changes; none: plain HTTP" validate:"required_with=TLSKeyFile"`
	TLSKeyFile  string        `env:"AFTERCALL_TLS_KEY_FILE" yaml:"tls_key_file" doc:"PEM file with its key" validate:"required_with=TLSCertFile"`
	Drain       time.Duration `env:"AFTERCALL_DRAIN" yaml:"drain" doc:"how long after the signal to stop everything is still served, while /healthz and /readyz answer 503" validate:"min=0"`
	AuditLog    string        `env:"AFTERCALL_AUDIT_LOG" yaml:"audit_log" doc:"file, or - for standard output, that gets a line of JSON for each placing, opening, closing, listening, revealing, dropping and requeueing"`

	TrustedProxies []string `env:"AFTERCALL_TRUSTED_PROXIES" yaml:"trusted_proxies" doc:"addresses or networks of proxies in front, by comma: X-Forwarded-For is believed from these alone, and their connections have no limit per address" validate:"dive,ip|cidr"`

	WebhookCredentials          []string `env:"AFTERCALL_WEBHOOK_CREDENTIALS" yaml:"webhook_credentials" secret:"true" doc:"user:password that the provider sends; several are valid at once, by comma" validate:"dive,userpassword"`
	WebhookAllowUnauthenticated bool     `env:"AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED" yaml:"webhook_allow_unauthenticated" doc:"accept notifications from anybody who knows the address"`
	APIKeys                     []string `env:"AFTERCALL_API_KEYS" yaml:"api_keys" secret:"true" doc:"name:key or name:key:scope+scope of who may use the API, several by comma; scopes are call, read, listen, erase and urgent, without any the first three; none: the API answers 401" validate:"dive,userpassword"`

	InboxURL            string        `env:"AFTERCALL_INBOX_URL" yaml:"inbox_url" doc:"where notifications are committed before they are acknowledged" validate:"required"`
	InboxRetention      time.Duration `env:"AFTERCALL_INBOX_RETENTION" yaml:"inbox_retention" doc:"how long a dispatched notification's payload is kept; its key is kept 7 days" validate:"gt=0"`
	DeadLetterRetention time.Duration `env:"AFTERCALL_DEADLETTER_RETENTION" yaml:"deadletter_retention" doc:"how long a dead letter is kept" validate:"gt=0"`
	NamespaceRetention  time.Duration `env:"AFTERCALL_NAMESPACE_RETENTION" yaml:"namespace_retention" doc:"how long Temporal keeps closed workflows in a namespace that setup makes, and in one that exists after setup --retention" validate:"min=168h"`
	DispatchConcurrency int           `env:"AFTERCALL_DISPATCH_CONCURRENCY" yaml:"dispatch_concurrency" doc:"signals to Temporal under way at most; fewer while it answers slowly or its workers are behind" validate:"min=1,max=1000"`

	RecordingsURL       string        `env:"AFTERCALL_RECORDINGS_URL" yaml:"recordings_url" doc:"where recordings are stored: a file: or s3: URL" validate:"required"`
	RecordingsRetention time.Duration `env:"AFTERCALL_RECORDINGS_RETENTION" yaml:"recordings_retention" doc:"how long a recording is kept after it was stored; 0: until it is deleted" validate:"min=0"`
	RecordingHosts      []string      `env:"AFTERCALL_RECORDING_HOSTS" yaml:"recording_hosts" doc:"hosts that recordings may be fetched from: exact host or host:port, by comma" validate:"dive,recordinghost"`
	RecordingAllowHTTP  bool          `env:"AFTERCALL_RECORDING_ALLOW_HTTP" yaml:"recording_allow_http" doc:"fetch recordings over plain HTTP too, as the simulator serves them"`

	UnifonicBaseURL        string        `env:"AFTERCALL_UNIFONIC_BASE_URL" yaml:"unifonic_base_url" doc:"the provider's API" validate:"required,http_url"`
	UnifonicAppsID         string        `env:"AFTERCALL_UNIFONIC_APPS_ID" yaml:"unifonic_apps_id" secret:"true" doc:"AppsId of the application for outgoing calls"`
	UnifonicMaskingAppsID  string        `env:"AFTERCALL_UNIFONIC_MASKING_APPS_ID" yaml:"unifonic_masking_apps_id" secret:"true" doc:"AppsId of the number masking application; the one for outgoing calls where not set"`
	UnifonicApplicationIDs []string      `env:"AFTERCALL_UNIFONIC_APPLICATION_IDS" yaml:"unifonic_application_ids" doc:"where set, a notification of another applicationId is a dead letter"`
	UnifonicTimezone       string        `env:"AFTERCALL_UNIFONIC_TIMEZONE" yaml:"unifonic_timezone" doc:"of the provider's times that name no zone" validate:"required,timezone"`
	UnifonicTimeout        time.Duration `env:"AFTERCALL_UNIFONIC_TIMEOUT" yaml:"unifonic_timeout" doc:"of one request to the provider's API" validate:"gt=0"`

	UnifonicStatusAliases []string `env:"AFTERCALL_UNIFONIC_STATUS_ALIASES" yaml:"unifonic_status_aliases" doc:"words of the provider for call statuses beside those built in: WORD=STATUS, several by comma, as HANGUP=COMPLETED" validate:"dive,statusalias"`

	UnifonicMaskCreatePaths []string `env:"AFTERCALL_UNIFONIC_MASK_CREATE_PATHS" yaml:"unifonic_mask_create_paths" doc:"where a one-way mask is created, below the base URL: each is tried where the one before it was answered 403 or 404" validate:"required"`
	UnifonicMaskPaths       []string `env:"AFTERCALL_UNIFONIC_MASK_PATHS" yaml:"unifonic_mask_paths" doc:"where one mask is read and deactivated, likewise" validate:"required,dive,contains={maskId}"`

	CallGrace        time.Duration `env:"AFTERCALL_CALL_GRACE" yaml:"call_grace" doc:"how long a call with an outcome stays open for late notifications" validate:"gt=0"`
	FailoverGrace    time.Duration `env:"AFTERCALL_FAILOVER_GRACE" yaml:"failover_grace" doc:"how long the provider may take to fail over to the secondary caller ID by itself" validate:"gt=0"`
	CallMaxAge       time.Duration `env:"AFTERCALL_CALL_MAX_AGE" yaml:"call_max_age" doc:"how long after its last event a call without an ending is given up" validate:"gt=0"`
	ReconcileAfter   time.Duration `env:"AFTERCALL_RECONCILE_AFTER" yaml:"reconcile_after" doc:"silence after which the provider's call log is asked" validate:"gt=0"`
	VerifyFailures   bool          `env:"AFTERCALL_VERIFY_FAILURES" yaml:"verify_failures" doc:"ask the call log whether a call really failed before dialling again"`
	DialRate         float64       `env:"AFTERCALL_DIAL_RATE" yaml:"dial_rate" doc:"calls placed per second by the whole fleet: setup and every worker hold to it; 0 dials nothing until aftercall dial start" validate:"min=0"`
	DialLedgerURL    string        `env:"AFTERCALL_DIAL_LEDGER_URL" yaml:"dial_ledger_url" doc:"where dials are claimed, so that no restore and no failover dials again: a file: or s3: URL, one for all workers; in no backup" validate:"required"`
	AllowedPrefixes  []string      `env:"AFTERCALL_ALLOWED_PREFIXES" yaml:"allowed_prefixes" doc:"rule prefix: of the numbers that may be called, as +966, by comma; none: all" validate:"dive,phoneprefix"`
	AllowedCallerIDs []string      `env:"AFTERCALL_ALLOWED_CALLER_IDS" yaml:"allowed_caller_ids" doc:"rule caller-id: the caller IDs that may be used, by comma; none: all" validate:"dive,e164"`
	PersonDaily      int           `env:"AFTERCALL_PERSON_DAILY" yaml:"person_daily" doc:"rule person-daily: dials of one number on a day over all requests; 0: any" validate:"min=0"`
	PersonGap        time.Duration `env:"AFTERCALL_PERSON_GAP" yaml:"person_gap" doc:"rule person-gap: between two dials of one number over all requests; 0: none" validate:"min=0,max=720h"`
	Rules            string        `env:"AFTERCALL_RULES" yaml:"rules" doc:"rules consent and class-hours: sa for those of Saudi Arabia; empty: none" validate:"omitempty,oneof=sa"`
	Ramadan          []string      `env:"AFTERCALL_RAMADAN" yaml:"ramadan" doc:"first and last day of the months of Ramadan as announced, as 2027-02-08/2027-03-09, by comma; else the calendar of Umm al-Qura" validate:"dive,ramadan"`
	RulesTimezone    string        `env:"AFTERCALL_RULES_TIMEZONE" yaml:"rules_timezone" doc:"in which a day of rule person-daily begins" validate:"required,timezone"`
	WorkflowCache    int64         `env:"AFTERCALL_WORKFLOW_CACHE" yaml:"workflow_cache" doc:"bytes of memory that a worker keeps workflows in; one that is not there is replayed from its history" validate:"min=1048576"`
	LookupRate       float64       `env:"AFTERCALL_LOOKUP_RATE" yaml:"lookup_rate" doc:"questions to the call log per second by the whole fleet" validate:"gt=0"`

	EncryptionKeys    []string `env:"AFTERCALL_ENCRYPTION_KEYS" yaml:"encryption_keys" secret:"true" doc:"id:base64 of 32 bytes, several by comma: the first encrypts what Temporal and the inbox keep, all decrypt; from aftercall keys new"`
	HashKey           string   `env:"AFTERCALL_HASH_KEY" yaml:"hash_key" secret:"true" doc:"base64 of 32 bytes: makes the hashes that stand for numbers in ids; never changed; from aftercall keys new"`
	RequireEncryption bool     `env:"AFTERCALL_REQUIRE_ENCRYPTION" yaml:"require_encryption" doc:"do not start without both keys; otherwise a start without them warns and goes on in clear"`

	CodecAddr    string   `env:"AFTERCALL_CODEC_ADDR" yaml:"codec_addr" doc:"where set, a listener that decrypts payloads for the Temporal UI and CLI; whoever reaches it reads everything" validate:"omitempty,hostport"`
	CodecToken   string   `env:"AFTERCALL_CODEC_TOKEN" yaml:"codec_token" secret:"true" doc:"bearer token that the codec listener wants; needed off loopback unless the listener is published on loopback only"`
	CodecOrigins []string `env:"AFTERCALL_CODEC_ORIGINS" yaml:"codec_origins" doc:"origins of the pages that may use the codec listener, exactly, by comma: that of the Temporal UI, as http://localhost:8233" validate:"dive,origin"`

	LogLevel  string `env:"AFTERCALL_LOG_LEVEL" yaml:"log_level" doc:"debug, info, warn or error" validate:"oneof=debug info warn error"`
	LogFormat string `env:"AFTERCALL_LOG_FORMAT" yaml:"log_format" doc:"text or json" validate:"oneof=text json"`

	unreadKeys error // why the files of the two keys could not be read
}

// Default is what holds where nothing is set.
func Default() Config {
	return Config{
		HTTPAddr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:9090",
		InboxURL: "sqlite:data/inbox.db", InboxRetention: 24 * time.Hour, DeadLetterRetention: 90 * 24 * time.Hour, NamespaceRetention: 30 * 24 * time.Hour, DispatchConcurrency: 8,
		RecordingsURL:   "file:data/recordings",
		UnifonicBaseURL: "https://voice.unifonic.com/v1", UnifonicTimezone: "UTC", UnifonicTimeout: 10 * time.Second,
		UnifonicMaskCreatePaths: []string{"providers/masks", "providers/config/masks"},
		UnifonicMaskPaths:       []string{"providers/masks/{maskId}", "providers/{maskId}"},
		CallGrace:               time.Hour, FailoverGrace: 2 * time.Minute, CallMaxAge: 24 * time.Hour, ReconcileAfter: 5 * time.Minute,
		WorkflowCache:  64 << 20,
		VerifyFailures: true, DialRate: 1, DialLedgerURL: "file:data/dials", RulesTimezone: "Asia/Riyadh", LookupRate: 5,
		LogLevel: "info", LogFormat: "text",
	}
}

// CallSettings are the settings that a Call workflow gets in its input.
func (c Config) CallSettings() contract.CallSettings {
	return contract.CallSettings{Grace: c.CallGrace, FailoverGrace: c.FailoverGrace, MaxAge: c.CallMaxAge, ReconcileAfter: c.ReconcileAfter}
}

// TrustedPrefixes are the networks of AFTERCALL_TRUSTED_PROXIES.
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

// Scheme is what the listeners speak.
func (c Config) Scheme() string {
	if c.TLSCertFile != "" {
		return "https"
	}
	return "http"
}

// Reach is the URL under which this machine reaches a listener of ours, which may listen on every address.
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

// DialRules are the rules that each dial is held to.
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

// Location is the zone of the provider's times that name none.
func (c Config) Location() *time.Location {
	loc, err := time.LoadLocation(c.UnifonicTimezone)
	if err != nil {
		return time.UTC // Load has refused it before
	}
	return loc
}

// StatusWords are the provider's words for statuses beside those that are built in.
func (c Config) StatusWords() unifonic.StatusWords {
	words, err := unifonic.NewStatusWords(c.UnifonicStatusAliases)
	if err != nil {
		return unifonic.StatusWords{} // Load has refused it before
	}
	return words
}

// OutboundSettings are the settings that an OutboundCall workflow gets in its input.
func (c Config) OutboundSettings() contract.OutboundSettings {
	return contract.OutboundSettings{VerifyFailures: c.VerifyFailures, Grace: c.CallGrace, MaxAge: c.CallMaxAge, ProviderTimeout: c.UnifonicTimeout}
}

// MaskingSettings are the settings that a MaskingSession workflow gets in its input.
func (c Config) MaskingSettings() contract.MaskingSettings {
	return contract.MaskingSettings{Grace: c.CallGrace, ProviderTimeout: c.UnifonicTimeout}
}
