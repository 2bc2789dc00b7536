// Package handlers is aftercall's HTTP side: the webhook, the API under /v1, and the operators' routes. It translates HTTP
// into calls of small interfaces and their results into HTTP. It holds no business rule, and it logs no body, query or
// phone number.
package handlers

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/phone"
)

// EngineOptions configures what all listeners have in common.
type EngineOptions struct {
	Log            *slog.Logger
	TrustedProxies []string                                                   // addresses or CIDRs; none: no header is trusted
	Observe        func(method, route string, status int, took time.Duration) // called for every request; may be nil
	Draining       func() bool                                                // whether it will stop soon; may be nil
}

// NewEngine returns an engine without routes, for the Mount functions. It returns an error if a trusted proxy is no
// address.
func NewEngine(o EngineOptions) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false // webhook senders follow no redirect
	// A call id may hold an escaped slash.
	e.UseRawPath, e.UnescapePathValues = true, true
	if err := e.SetTrustedProxies(o.TrustedProxies); err != nil {
		return nil, fmt.Errorf("set trusted proxies: %w", err)
	}
	e.Use(observe(o), headers(o), recovery(o.Log))
	e.NoRoute(func(c *gin.Context) {
		if again, ok := spelled(c.Request); ok {
			c.Request = again
			c.Status(http.StatusOK) // as for every route that is found
			e.HandleContext(c)
			return
		}
		fail(c, problemNoRoute, "Unknown path. GET /openapi.json lists the routes.")
	})
	e.NoMethod(func(c *gin.Context) { fail(c, problemMethod, "Use one of: "+c.Writer.Header().Get("Allow")+".") })
	return e, nil
}

// headers sets the headers of every answer: no cache stores it, and no browser guesses its type.
func headers(o EngineOptions) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Cache-Control", "no-store")
		c.Header("X-Content-Type-Options", "nosniff")
		if o.Draining != nil && o.Draining() {
			c.Header("Connection", "close") // the next request goes to a server that is not stopping
		}
	}
}

// observe logs and counts a request by its route, because the path may name a call and the query may hold anything. It does
// not log refused requests without credentials: their sender could fill the disk.
func observe(o EngineOptions) gin.HandlerFunc {
	return func(c *gin.Context) {
		start, asked := time.Now(), c.Request
		c.Next()
		if c.Request.URL != asked.URL {
			return // another spelling: the intended route has logged it
		}
		took, status, route := time.Since(start), c.Writer.Status(), c.FullPath()
		if route == "" {
			route = "none"
		}
		level := slog.LevelDebug
		switch {
		case route == "/healthz" || route == "/readyz": // polled often, and the answer says it
		case status >= http.StatusInternalServerError:
			level = slog.LevelWarn
		case status >= http.StatusBadRequest && status != statusClientGone && client(c).Name != "":
			level = slog.LevelInfo
		}
		if o.Log.Enabled(c.Request.Context(), level) { // saves the cost of a line that is not written
			o.Log.Log(c.Request.Context(), level, "http request", "method", c.Request.Method, "route", route, "status", status,
				"took", took, "client", client(c).Name, "address", c.ClientIP())
		}
		if o.Observe != nil {
			o.Observe(methodLabel(c.Request.Method), route, status, took)
		}
	}
}

// methodLabel returns a method as metrics name it. Anybody may send words of their own as a method, a number among them.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// recovery answers 500 after a panic. Unlike gin's own, it logs no headers, which may hold credentials.
func recovery(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r)
			}
			log.Error("http handler panicked", "route", c.FullPath(), "panic", phone.Redact(fmt.Sprint(r)), "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				fail(c, problemInternal, "Internal error; aftercall's log has the details.")
			}
			c.Abort()
		}()
		c.Next()
	}
}
