// Package recordings keeps the recordings of calls: it fetches them from the hosts that an operator named, and stores
// them in a local folder, in S3 or in whatever else the Go CDK links in.
//
// It owns what may be fetched from where (Fetcher), what counts as a whole recording (the container check) and how
// stored bytes and their metadata lie (Store). It must not decide when or how often a recording is tried: that is the
// Recording workflow. No URL, which whoever has it can listen to, and no phone number leaves it in an error or a name.
package recordings
