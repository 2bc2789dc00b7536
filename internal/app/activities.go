package app

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/starter"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// register registers an activity under its name.
func register(w worker.Worker, name string, fn any) {
	w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
}

// registerMasking registers the activities of masking sessions.
func (a *App) registerMasking(w worker.Worker, provider *unifonic.Client, keep activities.RecordingKeeper) {
	m := &activities.Masking{Client: a.temporal, API: provider, Recordings: keep, Settings: a.Config.MaskingSettings()}
	register(w, activities.NameCreateMask, m.CreateMask)
	register(w, activities.NameFindMask, m.FindMask)
	register(w, activities.NameStartMaskingSession, m.StartMaskingSession)
	register(w, activities.NameTellMaskingSession, m.TellMaskingSession)
	register(w, activities.NameCloseMask, m.CloseMask)
	register(w, activities.NameKeepSessionRecordings, m.KeepSessionRecordings)
}

// registerOutbound registers the activities of outbound calls: light ones, placing a call, and the call log.
func (a *App) registerOutbound(light, dial, lookup worker.Worker, provider *unifonic.Client) {
	o := &activities.Outbound{Tracker: a.starter, Results: a.temporal}
	register(light, activities.NameTrackCall, o.TrackCall)
	register(light, activities.NameCallingHours, o.CallingHours)
	register(dial, activities.NamePlaceCall, (&activities.Dial{API: provider, Ledger: a.ledger}).PlaceCall)
	register(lookup, activities.NameLookUpCall, (&activities.Lookup{API: provider}).LookUpCall)
}

// registerCalls registers the activities that business workflows use.
func (a *App) registerCalls(w worker.Worker) {
	c := &activities.Calls{Client: a.temporal, Starter: a.starter, Settings: a.Config.CallSettings()}
	register(w, calls.ActivitySubscribe, c.Subscribe)
	register(w, calls.ActivityPlace, c.Place)
}

// registerRecordings registers the activities of recordings, and returns what hands recordings to their workflows.
func (a *App) registerRecordings(light, lookup, fetch worker.Worker, provider *unifonic.Client, fetcher *recordings.Fetcher) activities.RecordingKeeper {
	keep := starter.RecordingKeeper{Client: a.temporal}
	r := &activities.Recordings{Store: a.store, Fetcher: fetcher, API: provider, Keeper: keep}
	register(light, activities.NameKeepRecording, r.KeepRecording)
	register(lookup, activities.NameRefreshRecordingURL, r.RefreshRecordingURL)
	register(fetch, activities.NameDownloadRecording, r.DownloadRecording)
	return keep
}

// lateRecordings is how the dispatcher keeps a recording whose call is closed: nobody waits for what becomes of it.
type lateRecordings struct{ keep starter.RecordingKeeper }

// KeepRecording implements dispatch.RecordingKeeper.
func (l lateRecordings) KeepRecording(ctx context.Context, r calls.RecordingURL) error {
	_, err := l.keep.KeepRecording(ctx, r)
	return err
}
