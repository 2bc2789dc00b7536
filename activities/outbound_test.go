package activities_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/rules"
)

type (
	activityInfo  = activity.Info
	encodedValues = converter.EncodedValues
)

// tracker is a desk with one call, which may be closed.
type tracker struct {
	key       string
	said      calls.Tracking
	err       error
	state     calls.CallState
	resultErr error
}

func (tr *tracker) CallKey(_ context.Context, id string) (string, error) { return calls.Key(id), nil }

func (tr *tracker) Track(_ context.Context, key string, t calls.Tracking) (bool, error) {
	tr.key, tr.said = key, t
	return tr.err == nil, tr.err
}

func (tr *tracker) ClosedCall(context.Context, string) (calls.CallState, error) {
	return tr.state, tr.resultErr
}

func TestTrackCall(t *testing.T) {
	in := contract.TrackCallInput{CallID: "call 1", ReferenceID: "order-1-a1", To: "+966500000000"}
	tr := &tracker{}
	track := func() (contract.TrackCallResult, error) {
		return (&activities.Outbound{Desk: tr}).TrackCall(t.Context(), in)
	}
	res, err := track()
	require.NoError(t, err)
	require.Nil(t, res.Call)
	require.Equal(t, calls.Key("call 1"), tr.key)
	require.Equal(t, calls.Tracking{To: "+966500000000", ReferenceID: "order-1-a1"}, tr.said)

	tr.err = desk.ErrClosed
	tr.state = calls.CallState{CallKey: "x", Evidence: &calls.Evidence{}, Notified: []calls.Notified{{}}}
	res, err = track()
	require.NoError(t, err)
	require.Equal(t, &calls.CallState{CallKey: "x"}, res.Call)

	tr.resultErr = fmt.Errorf("read result: %w", desk.ErrNoResult)
	_, err = track()
	var lost *temporal.ApplicationError
	require.ErrorAs(t, err, &lost)
	require.True(t, lost.NonRetryable())

	tr.resultErr = desk.ErrAway
	_, err = track()
	require.ErrorIs(t, err, desk.ErrAway, "asked again")
	require.NotErrorAs(t, err, &lost)

	tr.err = errors.New("away")
	_, err = track()
	require.ErrorIs(t, err, tr.err)
}

func TestCallingHours(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a := &activities.Outbound{}
	env.RegisterActivity(a)
	v, err := env.ExecuteActivity(a.CallingHours, contract.HoursInput{CallingHours: calls.CallingHours{Timezone: "UTC", From: "00:00", To: "24:00"}})
	require.NoError(t, err)
	var w contract.Window
	require.NoError(t, v.Get(&w))
	require.True(t, w.Contains(time.Now()))

	a.Rules.Country = rules.SaudiArabia
	v, err = env.ExecuteActivity(a.CallingHours, contract.HoursInput{
		CallingHours: calls.CallingHours{Timezone: "Asia/Riyadh", From: "02:00", To: "09:00"}, Class: calls.ClassAdvertising,
	})
	require.NoError(t, err)
	var result contract.HoursResult
	require.NoError(t, v.Get(&result))
	require.Equal(t, calls.RuleClassHours, result.Rule, "the rule that refuses it")
	require.True(t, result.OpenAt.After(time.Now().Add(365*24*time.Hour)), "after any deadline")

	_, err = env.ExecuteActivity(a.CallingHours, contract.HoursInput{CallingHours: calls.CallingHours{Timezone: "Nowhere", From: "00:00", To: "24:00"}})
	var e *temporal.ApplicationError
	require.ErrorAs(t, err, &e)
	require.True(t, e.NonRetryable())
}
