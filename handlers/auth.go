package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/listener"
)

// clientKey is the gin key of the access.Key that a request came with.
const clientKey = "client"

// LogIn admits requests with valid credentials. All listeners share one LogIn.
type LogIn struct {
	Grants *access.Grants
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	failures access.Failures
}

// basic admits requests with the webhook's credentials.
func (l *LogIn) basic(c *gin.Context) {
	user, password, given := c.Request.BasicAuth()
	if given && l.Grants.Credential(user, password) {
		listener.Authenticated(c.Request.Context(), listener.Webhook)
		return
	}
	detail := "Send the user name and password registered with the webhook (AFTERCALL_WEBHOOK_CREDENTIALS)."
	if !l.Grants.HasCredentials() {
		detail = "No credentials are configured, so nothing is accepted: set AFTERCALL_WEBHOOK_CREDENTIALS and restart."
	}
	l.refuse(c, `Basic realm="aftercall", charset="UTF-8"`, detail)
}

// bearer admits requests with an API key.
func (l *LogIn) bearer(c *gin.Context) {
	if secret, ok := bearerToken(c); ok {
		if key, ok := l.Grants.Key(secret); ok {
			listener.Authenticated(c.Request.Context(), listener.API)
			c.Set(clientKey, key)
			return
		}
	}
	detail := `Send a key of AFTERCALL_API_KEYS in the header "Authorization: Bearer <key>".`
	if !l.Grants.HasKeys() {
		detail = "No API key is configured, so no request is accepted: set AFTERCALL_API_KEYS to name:key and restart."
	}
	l.refuse(c, `Bearer realm="aftercall"`, detail)
}

// token admits requests with a secret.
func (l *LogIn) token(secret, realm, detail string) gin.HandlerFunc {
	want := sha256.Sum256([]byte(secret))
	return func(c *gin.Context) {
		given, _ := bearerToken(c)
		if is := sha256.Sum256([]byte(given)); subtle.ConstantTimeCompare(is[:], want[:]) != 1 {
			l.refuse(c, `Bearer realm="`+realm+`"`, detail)
		}
	}
}

// refuse answers 401, or 429 to an address with too many failed log-ins. A request without credentials is no attempt: many
// clients begin with one.
func (l *LogIn) refuse(c *gin.Context, challenge, detail string) {
	if c.GetHeader("Authorization") != "" {
		count, wait := l.failures.Failed(clientAddress(c), l.now())
		if access.Told(count) {
			l.Log.Warn("log-in failed", "route", c.FullPath(), "address", c.ClientIP(), "withinTheMinute", count, "refused", wait > 0)
		}
		if wait > 0 {
			retryAfter(c, wait)
			fail(c, problemTooManyFailures, "Too many log-ins failed from this address. Send valid credentials: they are accepted at once.")
			return
		}
	}
	c.Header("WWW-Authenticate", challenge)
	fail(c, problemCredentials, detail)
}

func (l *LogIn) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

// needs refuses keys without a scope.
func needs(s access.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !client(c).May(s) {
			fail(c, problemScope, "The key "+client(c).Name+" lacks the scope "+string(s)+". Use one that has it: name:key:scope+scope in AFTERCALL_API_KEYS.")
		}
	}
}

// client returns the key of a request, or a key without name and scopes if it has none.
func client(c *gin.Context) access.Key {
	key, _ := c.Value(clientKey).(access.Key)
	return key
}

// clientAddress returns the client's address, as trusted proxies tell it.
func clientAddress(c *gin.Context) netip.Addr {
	a, err := netip.ParseAddr(c.ClientIP())
	if err != nil {
		return netip.Addr{}
	}
	return listener.Counted(a)
}

// bearerToken returns the token in the header Authorization: Bearer.
func bearerToken(c *gin.Context) (token string, ok bool) {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, token != "" && strings.EqualFold(scheme, "Bearer")
}
