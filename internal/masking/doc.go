// Package masking tells the story of a masking session: which legs were the two sides of one call, and how the call
// ended. It is pure: no Temporal, no IO, no clock. The story follows from the set of updates alone; neither their order
// nor their number changes it, as long as nothing was folded away into counters.
package masking
