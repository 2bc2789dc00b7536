package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"github.com/gin-gonic/gin"
)

// clientName is the gin key of the name of the API key that a request came with.
const clientName = "client"

// Credential is one pair that the webhook accepts. Several may be valid at once, for rotation.
type Credential struct{ User, Password string }

// APIKey is one key that the API accepts, and the name under which its requests are logged.
type APIKey struct{ Name, Key string }

type digest = [sha256.Size]byte

// keyring compares a secret with all that it holds, in a time that tells neither which nor how much of it fits.
type keyring struct {
	names   []string
	digests []digest
}

func (k *keyring) add(name, secret string) {
	k.names = append(k.names, name)
	k.digests = append(k.digests, sha256.Sum256([]byte(secret)))
}

// find returns the name of the secret.
func (k *keyring) find(secret string) (name string, ok bool) {
	given, at := sha256.Sum256([]byte(secret)), -1
	for i := range k.digests {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(k.digests[i][:], given[:]), i, at)
	}
	if at < 0 {
		return "", false
	}
	return k.names[at], true
}

// pair joins user and password so that no two pairs look the same: a user name has no NUL and no colon.
func pair(user, password string) string { return user + "\x00" + password }

// basicAuth lets requests with one of the credentials pass.
func basicAuth(credentials []Credential) gin.HandlerFunc {
	var ring keyring
	for _, c := range credentials {
		ring.add(c.User, pair(c.User, c.Password))
	}
	return func(c *gin.Context) {
		user, password, ok := c.Request.BasicAuth()
		if ok {
			_, ok = ring.find(pair(user, password))
		}
		if ok {
			return
		}
		c.Header("WWW-Authenticate", `Basic realm="aftercall", charset="UTF-8"`)
		detail := "Send the user name and password that are registered with the webhook (AFTERCALL_WEBHOOK_CREDENTIALS)."
		if len(credentials) == 0 {
			detail = "No credentials are configured, so that nothing is accepted: set AFTERCALL_WEBHOOK_CREDENTIALS and start again."
		}
		fail(c, problemCredentials, detail)
	}
}

// bearerAuth lets requests with one of the API keys pass.
func bearerAuth(keys []APIKey) gin.HandlerFunc {
	var ring keyring
	for _, k := range keys {
		ring.add(k.Name, k.Key)
	}
	return func(c *gin.Context) {
		scheme, key, _ := strings.Cut(c.GetHeader("Authorization"), " ")
		name, ok := ring.find(strings.TrimSpace(key))
		if ok && strings.EqualFold(scheme, "Bearer") {
			c.Set(clientName, name)
			return
		}
		c.Header("WWW-Authenticate", `Bearer realm="aftercall"`)
		detail := `Send a key of AFTERCALL_API_KEYS in the header "Authorization: Bearer <key>".`
		if len(keys) == 0 {
			detail = "No API key is configured, so that nobody is let in: set AFTERCALL_API_KEYS to name:key and start again."
		}
		fail(c, problemCredentials, detail)
	}
}
