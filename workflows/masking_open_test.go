package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

// openEnv is an OpenMaskingSession in a test environment that skips time.
type openEnv struct {
	*testsuite.TestWorkflowEnvironment
	created int // requests for a mask
	asked   []contract.CreateMaskInput
	found   []contract.FindMaskInput
	started []contract.StartMaskingSessionInput
	create  func(n int) (contract.CreateMaskResult, error)
	find    func(n int) (contract.FindMaskResult, error)
	start   func(n int) error
	starts  int
}

func newOpenEnv(t *testing.T) *openEnv {
	t.Helper()
	e := &openEnv{TestWorkflowEnvironment: newEnv("mask-open:r1")}
	e.start = func(int) error { return nil }
	e.RegisterWorkflowWithOptions(workflows.OpenMaskingSessionWorkflow, workflow.RegisterOptions{Name: contract.WorkflowOpenMaskingSession.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.CreateMaskInput) (contract.CreateMaskResult, error) {
		e.created++
		e.asked = append(e.asked, in)
		return e.create(e.created)
	}, activity.RegisterOptions{Name: contract.ActivityCreateMask.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.FindMaskInput) (contract.FindMaskResult, error) {
		e.found = append(e.found, in)
		return e.find(len(e.found))
	}, activity.RegisterOptions{Name: contract.ActivityFindMask.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.StartMaskingSessionInput) error {
		e.starts++
		if err := e.start(e.starts); err != nil {
			return err
		}
		e.started = append(e.started, in)
		return nil
	}, activity.RegisterOptions{Name: contract.ActivityStartMaskingSession.Name})
	return e
}

func (e *openEnv) run(t *testing.T) (calls.MaskingSessionState, error) {
	t.Helper()
	// A bare request is an input as well.
	e.ExecuteWorkflow(contract.WorkflowOpenMaskingSession.Name, calls.MaskingSessionRequest{
		ReferenceID: "r1", From: maskCaller, To: maskCallee, Notify: &calls.Notify{WorkflowID: "shop"},
	})
	require.True(t, e.IsWorkflowCompleted())
	if err := e.GetWorkflowError(); err != nil {
		return calls.MaskingSessionState{}, err
	}
	var s calls.MaskingSessionState
	require.NoError(t, e.GetWorkflowResult(&s))
	return s, nil
}

var madeMask = contract.CreateMaskResult{Verdict: contract.MaskCreated, MaskID: "m1", MaskingNumber: maskNumber}

// requireType asserts the type of the error that a workflow failed with, and that the error contains no number.
func requireType(t *testing.T, err error, errType string) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, errType, app.Type())
	require.NotContains(t, err.Error(), maskCaller[1:])
	require.NotContains(t, err.Error(), maskCallee[1:])
}

func TestOpenMaskingSessionOpensOnce(t *testing.T) {
	e := newOpenEnv(t)
	e.create = func(int) (contract.CreateMaskResult, error) { return madeMask, nil }
	e.start = func(n int) error {
		if n < 8 {
			return errors.New("away") // a crash, or Temporal is unavailable
		}
		return nil
	}
	began := e.Now()
	s, err := e.run(t)
	require.NoError(t, err)
	require.Equal(t, 1, e.created)
	require.Equal(t, calls.MaskingOpen, s.State)
	require.Equal(t, "m1", s.MaskID)
	require.Equal(t, "mask:m1", s.WorkflowID)
	require.Equal(t, maskNumber, s.MaskingNumber)
	require.WithinDuration(t, began.Add(24*time.Hour), *s.ExpiresAt, time.Second)
	require.Len(t, e.started, 1)
	require.Equal(t, "shop", e.started[0].Opened.Notify.WorkflowID)
	require.Equal(t, maskCaller, e.asked[0].From)
}

func TestOpenMaskingSessionAsksAgainOnlyWhileNoMaskCanExist(t *testing.T) {
	e := newOpenEnv(t)
	e.create = func(n int) (contract.CreateMaskResult, error) {
		if n < 3 {
			return contract.CreateMaskResult{Verdict: contract.MaskNotCreated, RetryAfter: 2 * time.Minute, Message: "HTTP 429"}, nil
		}
		return madeMask, nil
	}
	began := e.Now()
	s, err := e.run(t)
	require.NoError(t, err)
	require.Equal(t, 3, e.created)
	require.GreaterOrEqual(t, e.Now().Sub(began), 4*time.Minute)
	require.WithinDuration(t, began.Add(24*time.Hour+4*time.Minute), *s.ExpiresAt, time.Second)
}

func TestOpenMaskingSessionGivesUpWhereNoMaskCanExist(t *testing.T) {
	for name, verdict := range map[string]contract.MaskVerdict{"refused": contract.MaskRefused, "never": contract.MaskNotCreated} {
		t.Run(name, func(t *testing.T) {
			e := newOpenEnv(t)
			e.create = func(int) (contract.CreateMaskResult, error) {
				return contract.CreateMaskResult{Verdict: verdict, Message: "because"}, nil
			}
			_, err := e.run(t)
			requireType(t, err, calls.ErrTypeMaskNotOpened)
			require.ErrorContains(t, err, "because")
			require.Equal(t, verdict == contract.MaskRefused, e.created == 1)
			require.Empty(t, e.started)
		})
	}
}

func TestOpenMaskingSessionSettlesAnUnknownByTheListOfMasks(t *testing.T) {
	for name, create := range map[string]func(int) (contract.CreateMaskResult, error){
		"no answer": func(int) (contract.CreateMaskResult, error) {
			return contract.CreateMaskResult{Verdict: contract.MaskUnknown, Message: "no answer"}, nil
		},
		"worker lost": func(int) (contract.CreateMaskResult, error) {
			return contract.CreateMaskResult{}, temporal.NewTimeoutError(0, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newOpenEnv(t)
			e.create = create
			e.find = func(n int) (contract.FindMaskResult, error) {
				if n < 3 {
					return contract.FindMaskResult{}, nil
				}
				return contract.FindMaskResult{Masks: []contract.FoundMask{{MaskID: "m9", MaskingNumber: maskNumber}}}, nil
			}
			s, err := e.run(t)
			require.NoError(t, err)
			require.Equal(t, 1, e.created, "never a second request")
			require.Equal(t, "m9", s.MaskID)
			require.Len(t, e.started, 1)
			require.Equal(t, "r1", e.found[0].ReferenceID)
		})
	}
}

func TestOpenMaskingSessionReportsWhatItCannotSettle(t *testing.T) {
	for name, tc := range map[string]struct {
		masks []contract.FoundMask
		err   error
		says  string
	}{
		"none found":     {says: "none was found"},
		"two would fit":  {masks: []contract.FoundMask{{MaskID: "a"}, {MaskID: "b"}}, says: "2 masks"},
		"list not given": {err: temporal.NewNonRetryableApplicationError("HTTP 403", contract.ErrTypeProviderRefused, nil), says: "none was found"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newOpenEnv(t)
			e.create = func(int) (contract.CreateMaskResult, error) {
				return contract.CreateMaskResult{Verdict: contract.MaskUnknown, Message: "no answer"}, nil
			}
			e.find = func(int) (contract.FindMaskResult, error) {
				return contract.FindMaskResult{Masks: tc.masks}, tc.err
			}
			began := e.Now()
			_, err := e.run(t)
			requireType(t, err, calls.ErrTypeMaskUnknown)
			require.ErrorContains(t, err, tc.says)
			require.ErrorContains(t, err, "Look in the provider's list of masks")
			require.GreaterOrEqual(t, e.Now().Sub(began), 5*time.Minute)
			require.Equal(t, 1, e.created)
			require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), "**Unknown**")
		})
	}
}

func TestACancelledOpeningDoesNotOrphanAMask(t *testing.T) {
	e := newOpenEnv(t)
	e.create = func(int) (contract.CreateMaskResult, error) {
		e.CancelWorkflow()
		return madeMask, nil
	}
	s, err := e.run(t)
	require.NoError(t, err)
	require.Equal(t, "m1", s.MaskID)
	require.Len(t, e.started, 1)
}
