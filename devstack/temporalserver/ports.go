package temporalserver

import (
	"fmt"
	"net"

	"github.com/aftercall/aftercall/devstack/freeport"
)

// PortTakenError means that a requested port cannot be listened on.
type PortTakenError struct {
	What string // "Temporal" or "Temporal UI"
	Port int
	Err  error
}

// Error names the port and its purpose.
func (e *PortTakenError) Error() string {
	return fmt.Sprintf("listen on %s for %s: %v", address(e.Port), e.What, e.Err)
}

// Unwrap returns the system's error.
func (e *PortTakenError) Unwrap() error { return e.Err }

// ports are all ports of a server.
type ports struct {
	grpc []int // in the order of services; clients use the first
	http int   // of the first service
	ui   int   // 0 without a UI
}

// claimPorts finds a port for every listener. Temporal ends the whole process if it cannot listen, so we look first. It
// holds all ports until the last is found, so that no two are the same.
func claimPorts(o Options) (ports, error) {
	var found ports
	var held []net.Listener
	defer func() {
		for _, listener := range held {
			_ = listener.Close()
		}
	}()
	claim := func(what string, port int) (int, error) {
		listener, err := listen(port)
		if err != nil {
			return 0, &PortTakenError{What: what, Port: port, Err: err}
		}
		held = append(held, listener)
		return listener.Addr().(*net.TCPAddr).Port, nil
	}

	if o.UI {
		port, err := claim("Temporal UI", o.UIPort)
		if err != nil {
			return ports{}, err
		}
		found.ui = port
	}
	for i := range services {
		wanted := 0
		if i == 0 {
			wanted = o.GRPCPort
		}
		port, err := claim("Temporal", wanted)
		if err != nil {
			return ports{}, err
		}
		found.grpc = append(found.grpc, port)
	}
	port, err := claim("Temporal", 0)
	if err != nil {
		return ports{}, err
	}
	found.http = port
	return found, nil
}

// listen listens on the port; 0 means any free one.
func listen(port int) (net.Listener, error) {
	if port == 0 {
		return freeport.Listen()
	}
	return net.Listen("tcp4", address(port))
}
