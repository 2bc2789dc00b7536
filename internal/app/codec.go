package app

import (
	"context"
	"net"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// startCodec starts the listener that decrypts payloads for the Temporal UI and CLI, if AFTERCALL_CODEC_ADDR is set.
func (a *App) startCodec(ctx context.Context) error {
	if a.Config.CodecAddr == "" {
		return nil
	}
	e, err := handlers.NewEngine(handlers.EngineOptions{Log: a.Log})
	if err != nil {
		return err
	}
	handlers.MountCodec(e, handlers.CodecOptions{
		Decoder:   temporalclient.NewCodec(a.Keys, nil).For(a.Temporal.Namespace),
		Namespace: a.Temporal.Namespace, LogIn: a.logIn, Token: a.Config.CodecToken, Origins: a.Config.CodecOrigins,
	})
	if a.Config.CodecToken == "" && !loopback(a.Config.CodecAddr) {
		a.Log.Warn("AFTERCALL_CODEC_TOKEN is not set: anyone who reaches the codec listener can read every number", "address", a.Config.CodecAddr)
	}
	a.addrs.Codec, err = a.listen(ctx, "AFTERCALL_CODEC_ADDR", a.Config.CodecAddr, e)
	return err
}

// loopback reports whether only this machine can reach an address.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); ip != nil {
		return err == nil && ip.IsLoopback()
	}
	return err == nil && host == "localhost"
}
