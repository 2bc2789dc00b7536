package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"
)

// maxBody is the size of the largest body that is accepted.
const maxBody = 64 << 10

// readBody returns the raw body, or answers with a problem. A body over the limit is an error: if it were cut, it would be
// stored as if it were whole.
func readBody(c *gin.Context) ([]byte, bool) {
	body := bytes.NewBuffer(make([]byte, 0, min(max(c.Request.ContentLength, 0), maxBody)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		c.Header("Connection", "close") // gin's writer hides from net/http that it need not read the rest
		fail(c, problemTooLarge, fmt.Sprintf("Send at most %d bytes.", maxBody))
		return nil, false
	case err != nil:
		fail(c, problemIncomplete, "Send the body again.")
		return nil, false
	}
	return body.Bytes(), true
}
