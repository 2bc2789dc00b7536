package unifonic

import (
	"context"
	"net"
	"net/http"
)

// Object is what Decode makes of a JSON object.
type Object = object

// What the tests of decoding need to see.
var (
	Decode = decode
	ToUTF8 = toUTF8
)

// Fields returns the notification without its event key.
func (n Notification) Fields() Notification {
	n.eventKey = ""
	return n
}

// SetDial replaces how connections are made.
func (c *Client) SetDial(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	for _, h := range []*http.Client{c.once, c.read} {
		h.Transport.(*http.Transport).DialContext = dial
	}
}
