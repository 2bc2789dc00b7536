package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/listener"
)

// extend lets an answer take d longer than the server's write timeout allows. The read timeout needs no care: net/http
// lifts it when the body was read.
func extend(w http.ResponseWriter, d time.Duration) {
	// A writer that knows no deadline, as in tests, has none to extend.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + listener.WriteTimeout))
}

// apiShare answers 503 while the API has its half of the listener.
func apiShare(c *gin.Context) {
	leave, ok := listener.EnterAPI(c.Request.Context())
	if !ok {
		c.Header("Connection", "close")
		fail(c, problemBusy, "So many API requests are under way that the rest is kept for notifications. "+
			"Send the same request again after the time in Retry-After; wait for fewer outcomes at once.")
		return
	}
	defer leave()
	c.Next()
}
