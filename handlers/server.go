package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/listener"
)

// extend extends the server's write timeout by d for this answer. net/http lifts the read timeout itself once the body is
// read.
func extend(w http.ResponseWriter, d time.Duration) {
	// A writer without deadlines, as in tests, has none to extend.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + listener.WriteTimeout))
}

// apiShare answers 503 while API requests hold half of the listener.
func apiShare(c *gin.Context) {
	leave, ok := listener.EnterAPI(c.Request.Context())
	if !ok {
		c.Header("Connection", "close")
		fail(c, problemBusy, "Too many API requests are under way; the rest of the capacity is reserved for notifications. "+
			"Send the same request again after the time in Retry-After; wait for fewer outcomes at once.")
		return
	}
	defer leave()
	c.Next()
}
