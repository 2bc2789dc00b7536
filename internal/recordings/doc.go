// Package recordings keeps the recordings of calls: it fetches them from the hosts that an operator named, and stores
// them in a local folder, in S3 or in whatever else the Go CDK links in.
//
// It decides what may be fetched from where (Fetcher), what counts as a whole recording (the container check) and how bytes
// and metadata are stored (Store). It must not decide when or how often a recording is tried: the Recording workflow does.
// Neither a URL (anyone who has it can listen) nor a phone number appears in its errors or object names.
package recordings
