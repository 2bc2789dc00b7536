package simulator_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/simulator"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault    simulator.Fault
		status   int // 0: no response
		accepted int
		told     int
	}{
		{fault: simulator.FaultNone, status: 201, accepted: 1, told: 1},
		{fault: simulator.FaultAcceptReset, accepted: 1, told: 1},
		{fault: simulator.FaultAccept500, status: 500, accepted: 1, told: 1},
		{fault: simulator.FaultAcceptBad, status: 201, accepted: 1, told: 1},
		{fault: simulator.FaultSlow, status: 201, accepted: 1, told: 1},
		{fault: simulator.FaultRefuse500, status: 500},
		{fault: simulator.FaultRefuse429, status: 429},
		{fault: simulator.FaultRefuse403, status: 403},
		{fault: simulator.FaultRefuseReset},
		{fault: simulator.FaultLoseNotifications, status: 201, accepted: 1},
		{fault: simulator.FaultRepeatNotifications, status: 201, accepted: 1, told: 3},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			t.Parallel()
			in := newInbox(t)
			sim := start(t, in, func(o *simulator.Options) {
				o.OnPost = func(p simulator.Post) simulator.Fault {
					if p.ReferenceID == "ref-a1" && p.Try == 1 {
						return c.fault
					}
					return simulator.FaultNone
				}
			})
			response, _, err := send(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(number+"00", "ref-a1", nil))
			if c.status == 0 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.status, response.StatusCode)
			}
			settle(t, sim)
			require.Len(t, sim.Calls(), c.accepted)
			require.Len(t, in.received(), c.told)
			require.Equal(t, c.fault, sim.Posts()[0].Fault)
			require.Len(t, logged(t, sim, "ref-a1"), c.accepted)
		})
	}
}

func TestAFaultOutweighsTheEnding(t *testing.T) {
	t.Parallel()
	in := newInbox(t)
	sim := start(t, in, func(o *simulator.Options) {
		o.OnPost = func(simulator.Post) simulator.Fault { return simulator.FaultAccept500 }
	})
	for ending := range simulator.Endings() {
		_, _, err := send(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(number+ending, "ref-"+ending, nil))
		require.NoError(t, err)
	}
	settle(t, sim)
	require.Len(t, sim.Calls(), len(simulator.Endings()))
}

func TestRandomFaultsRepeatWithTheirSeed(t *testing.T) {
	t.Parallel()
	story := func(seed int) (faults []simulator.Fault) {
		sim := start(t, nil)
		status, _ := ask(t, http.MethodPost, sim.URL()+"/simulator/faults",
			object{"rate": 0.5, "seed": seed, "kinds": []string{"refuse-500", "accept-500"}})
		require.Equal(t, http.StatusOK, status)
		for i := range 40 {
			_, _, err := send(t, http.MethodPost, sim.BaseURL()+"/calls", callBody(number+"00", fmt.Sprint("ref", i), nil))
			require.NoError(t, err)
		}
		for _, post := range sim.Posts() {
			faults = append(faults, post.Fault)
		}
		return faults
	}
	first := story(1)
	require.Equal(t, first, story(1))
	require.NotEqual(t, first, story(2))
	for _, kind := range []simulator.Fault{"", "refuse-500", "accept-500"} {
		require.Contains(t, first, kind)
	}
}

func TestWrongFaultsAreRefused(t *testing.T) {
	t.Parallel()
	sim := start(t, nil)
	for _, body := range []object{{"rate": 2}, {"rate": 0.1, "kinds": []string{"earthquake"}}, {"rate": 0.1, "target": "doors"}} {
		status, answer := ask(t, http.MethodPost, sim.URL()+"/simulator/faults", body)
		require.Equal(t, http.StatusBadRequest, status)
		require.NotEmpty(t, answer["message"])
	}
}

func TestFaultsOfMasks(t *testing.T) {
	t.Parallel()
	sim := start(t, nil)
	require.NoError(t, sim.SetMaskFaults(simulator.Faults{Rate: 1, Kinds: []simulator.Fault{simulator.FaultAccept500}}))
	status, _ := ask(t, http.MethodPost, sim.BaseURL()+"/providers/masks", object{"to": basim})
	require.Equal(t, http.StatusInternalServerError, status)
	require.Len(t, sim.Masks(), 1, "accepted all the same")
	require.NoError(t, sim.SetMaskFaults(simulator.Faults{}))
	createMask(t, sim, object{"to": basim})

	refusing := start(t, nil, func(o *simulator.Options) {
		o.OnMaskPost = func(simulator.Post) simulator.Fault { return simulator.FaultRefuse429 }
	})
	status, _ = ask(t, http.MethodPost, refusing.BaseURL()+"/providers/masks", object{"to": basim})
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Empty(t, refusing.Masks())
}
