package desk

import (
	"context"
	"errors"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/intake"
)

// OpenMaskingSession starts the workflow that opens a masking session, and reports whether it was new. It returns
// ErrConflict if a different request has this referenceId.
func (d *Desk) OpenMaskingSession(ctx context.Context, asked intake.Masking) (created bool, err error) {
	ref := asked.Request.ReferenceID
	parties := contract.JoinParties(d.settings.Names.Parties(asked.Request.From, asked.Request.To))
	o := options(ctx, calls.OpenMaskingSessionWorkflowID(ref), "Open masking session "+ref, append(contract.PartyAttribute(parties), calls.AttributeReferenceID.ValueSet(ref))...)
	in := contract.OpenMaskingSessionInput{MaskingSessionRequest: asked.Request, Settings: d.settings.Masking}
	notify, _, done, err := d.callBack(ctx, o.ID, asked.Request.Notify, parties)
	if err != nil {
		return false, err
	}
	in.Notify = notify
	created, err = start(ctx, d, o, []string{asked.Hash, asked.OldHash}, contract.WorkflowOpenMaskingSession, in)
	done(created || err != nil && !errors.Is(err, ErrConflict))
	return created, err
}

// MaskOpened starts the session of a mask that we opened. If a leg has already started the session, MaskOpened sends it the
// mask's details. It returns ErrClosed if the session is over.
func (d *Desk) MaskOpened(ctx context.Context, maskID string, opened contract.MaskOpened) error {
	opened.Parties = contract.JoinParties(d.settings.Names.Parties(opened.From, opened.To, opened.MaskingNumber))
	err := signalSession(ctx, d, maskID, contract.SignalMaskOpened, opened, opened.Parties)
	if n := opened.Notify; err == nil && n != nil && n.URL != "" { // beside a workflow
		s := calls.Subscription{WorkflowID: d.callbackID(calls.OpenMaskingSessionWorkflowID(opened.ReferenceID), n.URL)}
		err = signalSession(ctx, d, maskID, contract.SignalSubscribe, s, opened.Parties)
	}
	return err
}

// TellMaskingSession sends the state of a call to the session of its mask, and starts the session if it does not run. It
// returns ErrClosed if the session is over.
func (d *Desk) TellMaskingSession(ctx context.Context, maskID string, s calls.CallState) error {
	var numbers []string
	for _, l := range s.Legs {
		numbers = append(numbers, l.From, l.To)
	}
	s.Parties = contract.JoinParties(s.Parties, d.settings.Names.Parties(numbers...))
	return signalSession(ctx, d, maskID, contract.SignalCallUpdate, s, s.Parties)
}

// SessionReference returns the referenceId of the request that opened the session of a mask. It returns "" if a leg started
// the session and no request has claimed it yet, and ErrUnknown if the mask has no session.
func (d *Desk) SessionReference(ctx context.Context, maskID string) (string, error) {
	id, err := d.SessionID(ctx, maskID)
	if err != nil {
		return "", err
	}
	desc, err := d.client.DescribeWorkflow(ctx, id, "")
	if err != nil {
		return "", Classify("look for masking session", err)
	}
	ref, _ := desc.TypedSearchAttributes.GetKeyword(calls.AttributeReferenceID)
	return ref, nil
}

// signalSession signals a session, and starts it if it does not run. It never starts a closed session again: its end has
// been reported. parties are hashes of the numbers in the payload.
func signalSession[T any](ctx context.Context, d *Desk, maskID string, s contract.Signal[T], payload T, parties []string) error {
	key, err := d.maskKey(ctx, maskID)
	if err != nil {
		return err
	}
	in := contract.MaskingSessionInput{Edition: d.edition(), MaskID: maskID, Settings: d.settings.Masking}
	if key != calls.Key(maskID) {
		in.MaskKey = key
	}
	return signal(ctx, d, sessionOptions(ctx, key, parties), s, payload, contract.WorkflowMaskingSession, in)
}

func sessionOptions(ctx context.Context, key string, parties []string) client.StartWorkflowOptions {
	attributes := append(contract.PartyAttribute(parties), calls.AttributeMaskID.ValueSet(key))
	return options(ctx, calls.MaskingSessionWorkflowID(key), "Masking session "+key, attributes...)
}
