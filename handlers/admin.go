package handlers

import (
	"context"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/phone"
)

// checkTimeout bounds one check of readiness.
const checkTimeout = 2 * time.Second

// Check is one thing that readiness looks at. One that is not required is only reported.
type Check struct {
	Name     string
	Required bool
	Run      func(ctx context.Context) error // its error is shown: no secret, no phone number
}

// AdminOptions are what the admin listener needs.
type AdminOptions struct {
	Checks  []Check             // of readiness
	Metrics prometheus.Gatherer // nil: no metrics
	Inbox   DeadLetterInbox     // nil: no inbox here, as on a worker
	Reparse inbox.Reparse       // reads the keys of a dead letter that had none
	Wake    func()              // called when a dead letter was put back; may be nil
}

type checkAnswer struct {
	OK       bool   `json:"ok"`
	Required bool   `json:"required"`
	Detail   string `json:"detail,omitempty"`
}

type readyAnswer struct {
	Status string                 `json:"status"` // "ready" or "not-ready"
	Checks map[string]checkAnswer `json:"checks"`
}

// MountAdmin adds what operators and their tools use: health, readiness, metrics, profiles and the inbox. It asks for
// no credentials, so its listener must be reached by operators only; a web page that an operator looks at cannot
// change anything through it.
func MountAdmin(r gin.IRouter, o AdminOptions) {
	g := r.Group("", sameOrigin())
	g.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	g.GET("/readyz", func(c *gin.Context) { ready(c, o.Checks) })
	if o.Metrics != nil {
		g.GET("/metrics", gin.WrapH(promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{})))
	}
	if o.Inbox != nil {
		mountInbox(g, o)
	}
	p := g.Group("/debug/pprof")
	p.GET("/", gin.WrapF(pprof.Index))
	p.GET("/:profile", func(c *gin.Context) {
		serve := map[string]http.HandlerFunc{
			"cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
		}[c.Param("profile")]
		if serve == nil {
			serve = pprof.Handler(c.Param("profile")).ServeHTTP
		}
		serve(c.Writer, c.Request)
	})
}

// sameOrigin refuses changes that a browser makes on behalf of another page.
func sameOrigin() gin.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		if err := guard.Check(c.Request); err != nil {
			fail(c, problemCrossOrigin, "Use the aftercall command, or a page of this listener.")
		}
	}
}

func ready(c *gin.Context, checks []Check) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkTimeout)
	defer cancel()
	results := make([]checkAnswer, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { results[i] = run(ctx, check) })
	}
	all.Wait()
	answer, status := readyAnswer{Status: "ready", Checks: map[string]checkAnswer{}}, http.StatusOK
	for i, result := range results {
		answer.Checks[checks[i].Name] = result
		if result.Required && !result.OK {
			answer.Status, status = "not-ready", http.StatusServiceUnavailable
		}
	}
	c.JSON(status, answer)
}

func run(ctx context.Context, check Check) checkAnswer {
	done := make(chan error, 1)
	go func() { done <- check.Run(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done(): // a check that ignores its context must not hold up the others
		err = context.Cause(ctx)
	}
	answer := checkAnswer{OK: err == nil, Required: check.Required}
	if err != nil {
		answer.Detail = phone.Redact(err.Error())
	}
	return answer
}
