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

// LogIn lets requests in that come with right credentials. One is shared by all listeners.
type LogIn struct {
	Grants *access.Grants
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	failures access.Failures
}

// basic lets requests with a credential of the webhook pass.
func (l *LogIn) basic(c *gin.Context) {
	user, password, given := c.Request.BasicAuth()
	if given && l.Grants.Credential(user, password) {
		listener.Authenticated(c.Request.Context(), listener.Webhook)
		return
	}
	detail := "Send the user name and password that are registered with the webhook (AFTERCALL_WEBHOOK_CREDENTIALS)."
	if !l.Grants.HasCredentials() {
		detail = "No credentials are configured, so that nothing is accepted: set AFTERCALL_WEBHOOK_CREDENTIALS and start again."
	}
	l.refuse(c, `Basic realm="aftercall", charset="UTF-8"`, detail)
}

// bearer lets requests with an API key pass.
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
		detail = "No API key is configured, so that nobody is let in: set AFTERCALL_API_KEYS to name:key and start again."
	}
	l.refuse(c, `Bearer realm="aftercall"`, detail)
}

// token lets requests pass that show a secret.
func (l *LogIn) token(secret, realm, detail string) gin.HandlerFunc {
	want := sha256.Sum256([]byte(secret))
	return func(c *gin.Context) {
		given, _ := bearerToken(c)
		if is := sha256.Sum256([]byte(given)); subtle.ConstantTimeCompare(is[:], want[:]) != 1 {
			l.refuse(c, `Bearer realm="`+realm+`"`, detail)
		}
	}
}

// refuse answers 401, or 429 to an address from which too many log-ins have failed. A request that shows no credentials
// at all is no attempt: many clients begin with one.
func (l *LogIn) refuse(c *gin.Context, challenge, detail string) {
	if c.GetHeader("Authorization") != "" {
		count, wait := l.failures.Failed(clientAddress(c), l.now())
		if access.Told(count) {
			l.Log.Warn("log-in failed", "route", c.FullPath(), "address", c.ClientIP(), "withinTheMinute", count, "refused", wait > 0)
		}
		if wait > 0 {
			retryAfter(c, wait)
			fail(c, problemTooManyFailures, "Too many log-ins failed from this address. Send right credentials: they are taken at once.")
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
			fail(c, problemScope, "The key "+client(c).Name+" has not the scope "+string(s)+". Use one that has it: name:key:scope+scope in AFTERCALL_API_KEYS.")
		}
	}
}

// client is the key that a request came with; one without name or scopes where it came with none.
func client(c *gin.Context) access.Key {
	key, _ := c.Value(clientKey).(access.Key)
	return key
}

// clientAddress is the address of the client, behind proxies that are trusted.
func clientAddress(c *gin.Context) netip.Addr {
	a, err := netip.ParseAddr(c.ClientIP())
	if err != nil {
		return netip.Addr{}
	}
	return listener.Counted(a)
}

// bearerToken is what a request has in its header Authorization: Bearer.
func bearerToken(c *gin.Context) (token string, ok bool) {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, token != "" && strings.EqualFold(scheme, "Bearer")
}
