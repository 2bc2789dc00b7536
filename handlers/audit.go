package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/audit"
)

// Auditor records an action. It logs its own errors.
type Auditor func(audit.Entry)

// auditID is the gin key of an id that only the handler knows.
const auditID = "auditID"

// audited records a request once it is answered: who, from where, on what, and with which answer. A request without valid
// credentials is not recorded.
func audited(to Auditor, action audit.Action, who string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if to == nil {
			return
		}
		defer func() { // even if the handler panics
			e := audit.Entry{Time: time.Now(), Action: action, Key: who, Address: c.ClientIP(), ID: c.GetString(auditID), Status: c.Writer.Status()}
			if e.Key == "" {
				e.Key = client(c).Name
			}
			for _, p := range c.Params {
				if p.Key != "number" { // a number is no id; its hash is recorded
					e.ID = p.Value // no route has more than one
				}
			}
			if e.Status != http.StatusForbidden && e.Status != http.StatusUnauthorized {
				to(e)
			}
		}()
		c.Next()
	}
}
