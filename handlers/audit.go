package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/audit"
)

// Auditor takes what somebody did. Errors are logged by the one who gives it.
type Auditor func(audit.Entry)

// auditID is the gin key of an id that is known only to the handler.
const auditID = "auditID"

// audited writes down what a request did once it is answered: who, from where, on what, and with which answer. Who is
// not let in has done nothing.
func audited(to Auditor, action audit.Action, who string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if to == nil {
			return
		}
		defer func() { // whatever becomes of the handler
			e := audit.Entry{Time: time.Now(), Action: action, Key: who, Address: c.ClientIP(), ID: c.GetString(auditID), Status: c.Writer.Status()}
			if e.Key == "" {
				e.Key = client(c).Name
			}
			for _, p := range c.Params {
				if p.Key != "number" { // that is no id: its hash is
					e.ID = p.Value // the only one a route has
				}
			}
			if e.Status != http.StatusForbidden && e.Status != http.StatusUnauthorized {
				to(e)
			}
		}()
		c.Next()
	}
}
