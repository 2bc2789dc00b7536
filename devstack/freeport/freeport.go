// Package freeport finds a port that stays free until somebody listens on it, or listens again.
package freeport

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// Free ports are searched below the range of outgoing connections, one of which could take the port before a server, or its
// restart, listens.
const (
	first = 20000
	many  = 12000
	tries = 100
)

// Listen listens on a free port of loopback.
func Listen() (listener net.Listener, err error) {
	for range tries {
		if listener, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(many)))); err == nil {
			return listener, nil
		}
	}
	return nil, err
}
