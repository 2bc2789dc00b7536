package handlers

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/phone"
)

// checkTimeout bounds one check of readiness.
const checkTimeout = 2 * time.Second

// Check is one part of readiness. A check that is not required is only reported.
type Check struct {
	Name     string
	Required bool
	Run      func(ctx context.Context) error // its error is shown, so it holds no secret and no phone number
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

func ready(c *gin.Context, checks []Check) {
	results := runAll(c.Request.Context(), checks)
	answer, status := readyAnswer{Status: "ready", Checks: map[string]checkAnswer{}}, http.StatusOK
	for i, result := range results {
		answer.Checks[checks[i].Name] = result
		if result.Required && !result.OK {
			answer.Status, status = "not-ready", http.StatusServiceUnavailable
		}
	}
	c.JSON(status, answer)
}

func runAll(ctx context.Context, checks []Check) []checkAnswer {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]checkAnswer, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { results[i] = run(ctx, check) })
	}
	all.Wait()
	return results
}

func run(ctx context.Context, check Check) checkAnswer {
	done := make(chan error, 1)
	go func() { done <- check.Run(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done(): // a check that ignores its context must not block the others
		err = context.Cause(ctx)
	}
	answer := checkAnswer{OK: err == nil, Required: check.Required}
	if err != nil {
		answer.Detail = phone.Redact(err.Error())
	}
	return answer
}

// healthFor is how long the public /healthz reuses an answer.
const healthFor = time.Second

// MountHealth adds GET /healthz for load balancers: 200 while all required checks pass, else 503. It needs no credentials
// and shows nothing else.
func MountHealth(r gin.IRouter, checks []Check) {
	h := &health{checks: slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return !c.Required })}
	r.GET("/healthz", h.answer)
	r.HEAD("/healthz", h.answer)
}

type health struct {
	checks []Check

	mu sync.Mutex
	at time.Time
	ok bool
}

func (h *health) answer(c *gin.Context) {
	if !h.holds(c.Request.Context()) {
		retryAfter(c, healthFor)
		c.JSON(http.StatusServiceUnavailable, gin.H{"status": "unavailable"})
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
}

func (h *health) holds(ctx context.Context) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.at) < healthFor {
		return h.ok
	}
	h.ok = true
	for _, result := range runAll(context.WithoutCancel(ctx), h.checks) {
		h.ok = h.ok && result.OK
	}
	h.at = time.Now()
	return h.ok
}
