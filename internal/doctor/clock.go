package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aftercall/aftercall/internal/apiclient"
	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// clock compares this machine's clock with Temporal's, and asks the serve or worker on this machine for theirs.
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

// clockOfTheRunning returns what a serve or worker at AFTERCALL_ADMIN_ADDR says of its clock. It returns nil if none
// answers.
func (d doctor) clockOfTheRunning(ctx context.Context) error {
	admin, _, err := d.admin()
	if err != nil {
		return nil //nolint:nilerr // the check of the inbox reports it
	}
	text, err := admin.Do(ctx, http.MethodGet, "/readyz", nil)
	if notReady, ok := errors.AsType[*apiclient.Error](err); ok {
		text = notReady.Body
	} else if err != nil {
		return nil //nolint:nilerr // other checks report whether it runs
	}
	var answer struct {
		Checks map[string]struct {
			OK     bool   `json:"ok"`
			Detail string `json:"detail"`
		} `json:"checks"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil //nolint:nilerr // something else listens there
	}
	if c, ok := answer.Checks["clock"]; ok && !c.OK {
		return fmt.Errorf("aftercall at %s: %s", d.Config.AdminAddr, c.Detail)
	}
	return nil
}
