package calls

// Status is the normalised status of a leg, an attempt or an outcome. RawStatus beside it keeps the provider's own word.
type Status string

// Statuses of a leg. Unknown is never terminal: the provider may add words that we do not know yet.
const (
	StatusQueued               Status = "QUEUED"
	StatusInitiated            Status = "INITIATED"
	StatusRinging              Status = "RINGING"
	StatusAnswered             Status = "ANSWERED"
	StatusCompleted            Status = "COMPLETED"
	StatusCompletedWithFailure Status = "COMPLETED_WITH_FAILURE"
	StatusBusy                 Status = "BUSY"
	StatusNoAnswer             Status = "NO_ANSWER"
	StatusRejected             Status = "REJECTED"
	StatusCancelled            Status = "CANCELLED"
	StatusFailed               Status = "FAILED"
	StatusUnknown              Status = "UNKNOWN"
)

// Statuses that only the outcome of an outbound call request has: no call was made, or none has ended.
const (
	StatusNotPlaced Status = "NOT_PLACED"
	StatusStopped   Status = "STOPPED"
	StatusDeadline  Status = "DEADLINE"
	StatusRefused   Status = "REFUSED" // by a rule, which the outcome names
)

// terminalOrder ranks terminal statuses for the case that nothing else decides, best first.
var terminalOrder = []Status{
	StatusCompleted, StatusCompletedWithFailure, StatusBusy, StatusNoAnswer, StatusRejected, StatusCancelled, StatusFailed,
}

// progressOrder is the order of the statuses that a running call goes through.
var progressOrder = []Status{StatusUnknown, StatusQueued, StatusInitiated, StatusRinging, StatusAnswered}

// ranks are the statuses of a leg by rank.
var ranks = func() map[Status]int {
	ranks := map[Status]int{}
	for i, s := range progressOrder {
		ranks[s] = i
	}
	for i, s := range terminalOrder {
		ranks[s] = len(progressOrder) + len(terminalOrder) - 1 - i
	}
	return ranks
}()

// Terminal reports whether a leg with this status is over.
func (s Status) Terminal() bool { return s.Rank() >= len(progressOrder) }

// Rank orders all statuses of a leg: a higher rank wins. Every terminal status ranks above every other one. A status
// that is none of a leg's ranks lowest.
func (s Status) Rank() int { return ranks[s] }

// Human reports whether somebody answered: another dial would ring a person who has already been reached.
func (s Status) Human() bool {
	return s == StatusCompleted || s == StatusCompletedWithFailure || s == StatusAnswered
}
