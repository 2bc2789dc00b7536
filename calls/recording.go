package calls

import (
	"time"
)

// RecordingStatus is the state of a recording.
type RecordingStatus string

// Statuses of a recording.
const (
	RecordingPending RecordingStatus = "PENDING" // its URL has not expired, or may not have, and is being tried
	RecordingStored  RecordingStatus = "STORED"
	RecordingDeleted RecordingStatus = "DELETED" // it was stored, and its bytes were then deleted on purpose
	RecordingExpired RecordingStatus = "EXPIRED" // its URL expired before the bytes were stored
	RecordingMissing RecordingStatus = "MISSING" // it was requested, and its URL never arrived
	RecordingRefused RecordingStatus = "REFUSED" // given up for a setting or a wrong answer; not used any more
)

// RecordingLifetime is how long a recording's URL works, by the provider's webhook page.
const RecordingLifetime = 72 * time.Hour

// Recording is the state and the result of a Recording workflow. It holds no phone number and no URL.
type Recording struct {
	ID          string          `json:"id,omitempty"` // names it within its call; absent from those of earlier versions
	CallKey     string          `json:"callKey"`
	Leg         string          `json:"leg,omitempty"`     // the leg's callSid; absent on a provisional leg and for a session
	LegHash     string          `json:"legHash,omitempty"` // LegHash of the leg, and for a further recording of the leg "-" and 12 hex of its path
	MaskID      string          `json:"maskId,omitempty"`  // set if the recording belongs to a session, not to a leg
	Status      RecordingStatus `json:"status"`
	Alarm       bool            `json:"alarm,omitempty"`
	Reason      string          `json:"reason,omitempty"`
	Remark      string          `json:"remark,omitempty"` // why the stored bytes may not be the whole recording
	Advice      string          `json:"advice,omitempty"`
	Tries       int             `json:"tries,omitempty"`
	LastTry     *RecordingTry   `json:"lastTry,omitempty"` // the last one that failed; absent once it is stored
	ContentType string          `json:"contentType,omitempty"`
	SizeBytes   int64           `json:"sizeBytes,omitempty"`
	SHA256      string          `json:"sha256,omitempty"`
	StoredAt    *time.Time      `json:"storedAt,omitempty"`
	DeletedAt   *time.Time      `json:"deletedAt,omitempty"`
	Deadline    time.Time       `json:"deadline"`
}

// RecordingTry is the result of one try to fetch a recording.
type RecordingTry struct {
	At         time.Time `json:"at"`
	Reason     string    `json:"reason"`
	HTTPStatus int       `json:"httpStatus,omitempty"`
}

// Types of the error that a Recording workflow fails with (temporal.ApplicationError). Its detail is the Recording.
const (
	ErrTypeRecordingExpired = "RECORDING_EXPIRED"
	ErrTypeRecordingMissing = "RECORDING_MISSING"
	ErrTypeRecordingRefused = "RECORDING_REFUSED"
)
