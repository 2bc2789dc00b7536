package dev

import (
	"context"
	"fmt"
	"net"

	"github.com/aftercall/aftercall/internal/config"
)

// Port is a port on loopback that something will listen on, and the flag that sets it.
type Port struct {
	Number int
	Flag   string
}

// checkPorts finds a port in use before anything starts, so that the error is one line that says what to do.
func checkPorts(ctx context.Context, f *Flags, cfg config.Config, more []Port) error {
	wanted := []struct{ addr, flag string }{{cfg.HTTPAddr, "http-port"}, {cfg.AdminAddr, "admin-port"}, {cfg.CodecAddr, "codec-port"}}
	if !f.RealProvider {
		more = append(more, Port{f.simulatorPort, "simulator-port"})
	}
	for _, port := range more {
		wanted = append(wanted, struct{ addr, flag string }{fmt.Sprintf("127.0.0.1:%d", port.Number), port.Flag})
	}
	for _, want := range wanted {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", want.addr)
		if err != nil {
			return fmt.Errorf("%s cannot be used (%w): choose another port with --%s", want.addr, reason(err), want.flag)
		}
		defer func() { _ = listener.Close() }() // all are held at once, so that no two are the same
	}
	return nil
}

// reason returns the bare cause of a failed listen, e.g. "address already in use".
func reason(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// freeWhereTaken returns the default address, or one with a free port if another process uses the default.
func freeWhereTaken(ctx context.Context, addr string) string {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		host, _, _ := net.SplitHostPort(addr)
		return net.JoinHostPort(host, "0")
	}
	_ = listener.Close()
	return addr
}
