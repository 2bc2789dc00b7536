package app

import (
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// forBusiness are the activities that business workflows use.
func (a *App) forBusiness() *activities.Calls {
	return &activities.Calls{Desk: a.desk, Rules: a.Config.DialRules(), CallbackURL: a.callbacks.Check}
}

// registerCalls registers the activities that business workflows use, and those that answer operations.
func (a *App) registerCalls(w worker.ActivityRegistry) {
	c := a.forBusiness()
	contract.ActivitySubscribe.Register(w, c.Subscribe)
	contract.RegisterNone(w, contract.ActivityUnsubscribe, c.Unsubscribe)
	contract.ActivityPlace.Register(w, c.Place)
	contract.ActivitySubscribeRecording.Register(w, c.SubscribeRecording)
	contract.ActivityOpenMask.Register(w, c.OpenMask)
	contract.RegisterNone(w, contract.ActivityEndMask, c.EndMask)
	contract.ActivitySubscribeMask.Register(w, c.SubscribeMask)
	contract.RegisterNone(w, contract.ActivityUnsubscribeMask, c.UnsubscribeMask)
	contract.ActivityJoinRequest.Register(w, c.JoinRequest)
	contract.ActivityOpenedMask.Register(w, c.OpenedMask)
}

// registerCallbacks registers the activities of Callback workflows.
func (a *App) registerCallbacks(light worker.Worker) {
	contract.RegisterNone(light, contract.ActivityDeliverCallback, (&activities.Callbacks{Sender: a.callbacks}).DeliverCallback)
	contract.ActivityHearRecordings.Register(light, a.forBusiness().SubscribeRecording)
}

// registerOutbound registers the activities of outbound calls, except placing one.
func (a *App) registerOutbound(light, lookup worker.Worker, provider *unifonic.Client) {
	o := &activities.Outbound{Clock: &a.clock, Desk: a.desk, Rules: a.Config.DialRules()}
	contract.ActivityTrackCall.Register(light, o.TrackCall)
	contract.ActivityCallingHours.Register(light, o.CallingHours)
	a.registerTell(light)
	contract.ActivityLookUpCall.Register(lookup, (&activities.Lookup{Clock: &a.clock, API: provider, Names: a.names()}).LookUpCall)
}

// registerTell registers the activity that signals any workflow.
func (a *App) registerTell(w worker.ActivityRegistry) {
	contract.ActivityTell.Register(w, (&activities.Messages{Desk: a.desk}).Tell)
}

// registerDial registers the activity that makes a phone ring.
func (a *App) registerDial(dial worker.Worker, provider *unifonic.Client) {
	d := &activities.Dial{
		Clock: &a.clock, API: provider, Ledger: a.ledger,
		Rules: activities.DialRules{Rules: a.Config.DialRules(), Book: a.ledger, Hash: a.Keys.Hash()},
	}
	contract.ActivityPlaceCall.Register(dial, d.PlaceCall)
}

// registerMasking registers the activities of masking sessions.
func (a *App) registerMasking(w worker.Worker, provider *unifonic.Client) {
	m := &activities.Masking{Desk: a.desk, API: provider}
	contract.ActivityCreateMask.Register(w, m.CreateMask)
	contract.ActivityFindMask.Register(w, m.FindMask)
	contract.RegisterNone(w, contract.ActivityStartMaskingSession, m.StartMaskingSession)
	contract.ActivityTellMaskingSession.Register(w, m.TellMaskingSession)
	contract.RegisterNone(w, contract.ActivityCloseMask, m.CloseMask)
	contract.ActivityKeepSessionRecordings.Register(w, m.KeepSessionRecordings)
}

// registerRecordings registers the activities of recordings.
func (a *App) registerRecordings(light, lookup, fetch worker.Worker, provider *unifonic.Client, fetcher *recordings.Fetcher) {
	r := &activities.Recordings{Store: a.store, Fetcher: fetcher, API: provider, Keeper: a.desk}
	contract.ActivityKeepRecording.Register(light, r.KeepRecording)
	contract.ActivityRefreshRecordingURL.Register(lookup, r.RefreshRecordingURL)
	contract.ActivityDownloadRecording.Register(fetch, r.DownloadRecording)
}
