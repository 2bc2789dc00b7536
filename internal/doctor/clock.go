package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// clock compares the clock of the machine that asks with Temporal's, and asks the serve or worker on it for theirs.
func (d doctor) clock(ctx context.Context) (string, error) {
	skew, err := clock.Skew(ctx, func(ctx context.Context) (clock.Reading, error) {
		return temporalclient.ReadClock(ctx, d.client, d.Temporal.Namespace)
	})
	if desk.Means(err, desk.ErrRefused) {
		return "not compared: Temporal does not let us poll", nil
	}
	if err != nil {
		return "", err
	}
	if err := errors.Join(clock.Fault(skew), d.clockOfTheRunning(ctx)); err != nil {
		return "", err
	}
	return "within " + clock.Tolerance.String() + " of Temporal's", nil
}

// clockOfTheRunning is what a serve or worker at AFTERCALL_ADMIN_ADDR says of its clock; nil where none answers.
func (d doctor) clockOfTheRunning(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.Config.AdminAddr+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil //nolint:nilerr // whether it runs is the matter of other checks
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Checks map[string]struct {
			OK     bool   `json:"ok"`
			Detail string `json:"detail"`
		} `json:"checks"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil //nolint:nilerr // something else listens there
	}
	if c, ok := answer.Checks["clock"]; ok && !c.OK {
		return fmt.Errorf("aftercall at %s: %s", d.Config.AdminAddr, c.Detail)
	}
	return nil
}
