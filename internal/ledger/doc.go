// Package ledger remembers, outside Temporal, who was dialled: what no restored database, no namespace failover and no
// reset may forget. It is a flat set of small objects in a local folder or in S3, shared by all workers:
//
//	dials/<attempt referenceId>#<post>   one claim, written if absent before a call is asked for
//	persons/<hash>/<date>-<n>            the n-th dial of a person on a date
//	suppressed/<hash>                    a person who is not to be called
//
// A hash stands for a phone number; the package never sees one. The ledger belongs into no backup: an old copy of it
// forgets dials that were made.
package ledger
