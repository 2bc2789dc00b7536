package unifonic

import (
	"context"
	"net"
	"net/http"
)

// Object is the result of Decode for a JSON object.
type Object = object

// Exported for the tests of decoding.
var (
	Decode = decode
	ToUTF8 = toUTF8
)

// Fields returns the notification without its event key.
func (n Notification) Fields() Notification {
	n.eventKey = ""
	return n
}

// SetDial replaces the function that makes connections.
func (c *Client) SetDial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	for _, h := range []*http.Client{c.once, c.read} {
		h.Transport.(*http.Transport).DialContext = dial
	}
}
