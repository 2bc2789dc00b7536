package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"
	"github.com/ilyakaznacheev/cleanenv"

	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/rules"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Load reads the settings. The environment overrides the YAML file at path, which overrides Default; an empty path means no
// file. The error is one line that names the wrong variable and never shows a secret value.
func Load(path string) (Config, error) {
	cfg := Default()
	read := func() error { return cleanenv.ReadEnv(&cfg) }
	if path != "" {
		if err := checkYAML(path); err != nil {
			return Config{}, err
		}
		read = func() error { return cleanenv.ReadConfig(path, &cfg) }
	}
	if err := read(); err != nil {
		return Config{}, fmt.Errorf("settings: %s", withoutValues(err))
	}
	if err := cfg.readSecretFiles(); err != nil {
		return Config{}, err
	}
	return cfg, cfg.Validate()
}

// readSecretFiles reads each secret whose variable ends in _FILE.
func (c *Config) readSecretFiles() error {
	v := reflect.ValueOf(c).Elem()
	for _, f := range fields() {
		name := f.Tag.Get("env") + "_FILE"
		path := os.Getenv(name)
		if f.Tag.Get("secret") == "" || path == "" {
			continue
		}
		if os.Getenv(f.Tag.Get("env")) != "" {
			return fmt.Errorf("%s: %s is set too; set one of them", name, f.Tag.Get("env"))
		}
		lines, err := readLines(name, path)
		if err != nil && isKey(f) {
			c.unreadKeys = cmp.Or(c.unreadKeys, err)
			continue
		}
		if err != nil {
			return err
		}
		if into := v.FieldByIndex(f.Index); into.Kind() == reflect.Slice {
			into.Set(reflect.ValueOf(lines))
		} else {
			into.SetString(lines[0])
		}
	}
	return nil
}

// readLines reads a file of secrets, one value a line.
func readLines(name, path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s: %s is empty", name, path)
	}
	return lines, nil
}

// isKey reports whether a setting is an encryption key or the hash key. A wrong key does not make the settings invalid,
// because accepting notifications needs none: see ReadKeys.
func isKey(f reflect.StructField) bool {
	name := f.Tag.Get("env")
	return name == keys.EncryptionSetting || name == keys.HashSetting
}

// ReadKeys returns the keys of the settings, or none if they name none. The error says why keys cannot be read and never
// shows one; it wraps os.ErrNotExist if their file is missing.
func (c Config) ReadKeys() (*keys.Ring, error) {
	if c.unreadKeys != nil {
		return nil, c.unreadKeys
	}
	if _, err := keys.Parse(nil, c.HashKey); err != nil {
		return nil, fmt.Errorf("%s: %w", keys.HashSetting, err)
	}
	ring, err := keys.Parse(c.EncryptionKeys, c.HashKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keys.EncryptionSetting, err)
	}
	return ring, nil
}

// Validate reports the first invalid setting, by the name of its variable.
func (c Config) Validate() error {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("env") })
	for tag, ok := range map[string]func(string) bool{
		"statusalias": isStatusAlias,
		"hostport":    isHostPort, "userpassword": isPair, "recordinghost": isRecordingHost, "callbacksecret": isCallbackSecret,
		"origin":      isOrigin,
		"phoneprefix": isPhonePrefix, "phone": phone.Valid, "ramadan": isRamadan,
	} {
		if err := v.RegisterValidation(tag, func(fl validator.FieldLevel) bool { return ok(fl.Field().String()) }); err != nil {
			return fmt.Errorf("settings: %w", err)
		}
	}
	err := v.Struct(c)
	if fields, ok := errors.AsType[validator.ValidationErrors](err); ok {
		return complaint(fields[0])
	}
	return err
}

// rateOrNone is the validation of a rate that may be 0.
const rateOrNone = "eq=0|min=0.0001"

// complaint says what is wrong with a setting and what would be valid.
func complaint(f validator.FieldError) error {
	name, _, _ := strings.Cut(f.Field(), "[")
	want := map[string]string{
		"statusalias":    "must be WORD=STATUS, separated by commas, like HANGUP=COMPLETED, with a status that aftercall knows",
		"required":       "must not be empty",
		"required_with":  "must be set too: a certificate needs its key, and a key its certificate",
		"hostport":       "must be host:port, like 127.0.0.1:8080",
		"userpassword":   "must be name:secret, separated by commas",
		"callbacksecret": "must be whsec_ and the base64 of 24 to 64 bytes, separated by commas",
		"recordinghost":  "must be a host or host:port without scheme and path",
		"phoneprefix":    "must be + and the first digits of a number in E.164, like +966, separated by commas",
		"phone":          "must be phone numbers in E.164, with + and without the 0 of the national form, separated by commas",
		"ramadan":        "must be the first and last day of 29 or 30 days in the Gregorian calendar, like 2027-02-08/2027-03-09, separated by commas",
		"origin":         "must be scheme://host[:port] without a path, like http://localhost:8233",
		"ip|cidr":        "must be addresses or networks, like 10.0.0.0/8, separated by commas",
		"timezone":       "must be a time zone, like Asia/Riyadh",
		"http_url":       "must be an http or https URL",
		"contains":       "must hold " + f.Param(),
		rateOrNone:       "must be 0, or at least 0.0001",
		"gt":             "must be greater than " + f.Param(),
		"min":            "must be at least " + f.Param(),
		"max":            "must be at most " + f.Param(),
		"oneof":          "must be one of: " + f.Param(),
	}[f.Tag()]
	return fmt.Errorf("%s %s", name, want)
}

func isStatusAlias(s string) bool {
	_, err := unifonic.NewStatusWords([]string{s})
	return err == nil
}

func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	n, errPort := strconv.Atoi(port)
	return err == nil && errPort == nil && n >= 0 && n <= 65535
}

func isPair(s string) bool {
	name, secret, ok := strings.Cut(s, ":")
	return ok && name != "" && secret != ""
}

func isPhonePrefix(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && digits != "" && digits[0] != '0' && len(digits) <= 15 && strings.Trim(digits, "0123456789") == "" && !phone.TrunkZero(s)
}

func isRamadan(s string) bool {
	_, err := rules.ParsePeriod(s)
	return err == nil
}

func isRecordingHost(s string) bool {
	u, err := url.Parse("//" + s)
	return err == nil && s != "" && u.Host == s && u.Hostname() != ""
}

func isCallbackSecret(s string) bool { return callbacks.ParseSecret(s) == nil }

func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// ForServe checks what serve needs in addition to Validate.
func (c Config) ForServe() error {
	if len(c.WebhookCredentials) == 0 && !c.WebhookAllowUnauthenticated {
		return errors.New("AFTERCALL_WEBHOOK_CREDENTIALS must be set to user:password (or AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED to true)")
	}
	return nil
}

// ForWorker checks what worker needs in addition to Validate.
func (c Config) ForWorker() error {
	if c.UnifonicAppsID == "" {
		return errors.New("AFTERCALL_UNIFONIC_APPS_ID must be set: without it no call can be placed or looked up")
	}
	for name, id := range map[string]string{"AFTERCALL_UNIFONIC_APPS_ID": c.UnifonicAppsID, "AFTERCALL_UNIFONIC_MASKING_APPS_ID": c.UnifonicMaskingAppsID} {
		if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s holds a character that an HTTP header cannot carry", name)
		}
	}
	return nil
}
