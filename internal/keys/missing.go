package keys

import "errors"

// Missing returns an error that names the setting a ring lacks, or nil if the ring seals and hashes.
func (r *Ring) Missing() error {
	switch seals, hashes := r.CanSeal(), r.Hash().Ready(); {
	case !seals && !hashes:
		return errors.New(EncryptionSetting + " and " + HashSetting + " are not set")
	case !seals:
		return errors.New(EncryptionSetting + " is not set")
	case !hashes:
		return errors.New(HashSetting + " is not set")
	}
	return nil
}
