package app

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// register registers an activity under its name.
func register(w worker.Worker, name string, fn any) {
	w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
}

// registerMasking registers the activities of masking sessions.
func (a *App) registerMasking(w worker.Worker, provider *unifonic.Client) {
	m := &activities.Masking{Desk: a.desk, API: provider}
	register(w, activities.NameCreateMask, m.CreateMask)
	register(w, activities.NameFindMask, m.FindMask)
	register(w, activities.NameStartMaskingSession, m.StartMaskingSession)
	register(w, activities.NameTellMaskingSession, m.TellMaskingSession)
	register(w, activities.NameCloseMask, m.CloseMask)
	register(w, activities.NameKeepSessionRecordings, m.KeepSessionRecordings)
}

// registerOutbound registers the activities of outbound calls: light ones, placing a call, and the call log.
func (a *App) registerOutbound(light, dial, lookup worker.Worker, provider *unifonic.Client) {
	o := &activities.Outbound{Desk: a.desk}
	register(light, activities.NameTrackCall, o.TrackCall)
	register(light, activities.NameCallingHours, o.CallingHours)
	register(dial, activities.NamePlaceCall, (&activities.Dial{API: provider, Ledger: a.ledger}).PlaceCall)
	register(lookup, activities.NameLookUpCall, (&activities.Lookup{API: provider}).LookUpCall)
}

// registerCalls registers the activities that business workflows use.
func (a *App) registerCalls(w worker.Worker) {
	c := &activities.Calls{Desk: a.desk}
	register(w, calls.ActivitySubscribe, c.Subscribe)
	register(w, calls.ActivityPlace, c.Place)
}

// registerRecordings registers the activities of recordings.
func (a *App) registerRecordings(light, lookup, fetch worker.Worker, provider *unifonic.Client, fetcher *recordings.Fetcher) {
	r := &activities.Recordings{Store: a.store, Fetcher: fetcher, API: provider, Keeper: a.desk}
	register(light, activities.NameKeepRecording, r.KeepRecording)
	register(lookup, activities.NameRefreshRecordingURL, r.RefreshRecordingURL)
	register(fetch, activities.NameDownloadRecording, r.DownloadRecording)
}
