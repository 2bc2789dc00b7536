// Package ledger remembers, outside Temporal, who was dialled. A restored database, a namespace failover or a reset must
// not forget that. The ledger is a flat set of small objects in a local folder or in S3, shared by all workers:
//
//	dials/<attempt referenceId>#<post>   one claim, written, if absent, before a call is requested
//	persons/<hash>/<date>-<n>            the n-th dial of a person on a date
//	suppressed/<hash>                    a person who is not to be called
//
// A hash stands for a phone number; the package never sees one. Do not back up the ledger: an old copy of it forgets
// dials that were made.
package ledger
