// Package cloudevents reads CloudEvents 1.0 (https://cloudevents.io) as events.
// Nothing of a CloudEvent is lost, except digits of its time after microseconds.
// The package is internal.
//
// A CloudEvent has one of two forms. In structured form it is one JSON object, as
// is each element of a batch; [Decoder.Structured] reads it. In binary form it
// consists of HTTP headers and a body; [Decoder.Binary] reads it. Both become
//
//	topic      = type
//	source     = source
//	event_id   = source + " " + id
//	timestamp  = time, or the time of arrival if there is none
//	payload    = everything else, as one JSON object
//
// In CloudEvents, source and id together are the identity of an event. A source
// is a URI reference and has no white space. The text before the first space of
// an event_id is therefore the source, and different identities never collide.
//
// # The payload
//
// The payload is the CloudEvent in its JSON format, without the four members
// above. The order of its members is fixed: specversion, datacontenttype,
// dataschema, subject, the extensions by name, then data or data_base64. The
// escapes of texts are fixed, too, so the same event has the same payload in both
// forms. JSON in data keeps every digit and loses only the white space between
// its tokens.
//
// Together with the four members, the payload is a CloudEvent in structured form
// again. It differs from the one that was sent in three points: a time has at
// most microseconds and is in UTC, a missing time is the time of arrival, and
// members that were null, which means absent, are missing.
//
// # What the specification leaves open
//
// The rules are those of version 1.0.2 of the specification and of the working
// draft of 1.0.3, which is clearer in some points:
//
//   - spec.md, "Context Attributes", names the attributes and their types;
//   - formats/json-format.md, sections 2.2 and 3.1, is the structured form;
//   - bindings/http-protocol-binding.md, section 3.1, is the binary form.
//
// HTTP carries the data of an event as bytes, and JSON has no bytes. The
// Content-Type decides: JSON is data as it is; text and XML in UTF-8 are a string;
// everything else is data_base64. A body without Content-Type is data_base64, too,
// because "no assumptions can be made" about it (json-format.md, 3.1.1).
//
// All values from headers are strings: HTTP has no other type.
//
// Besides what the specification forbids, the rules of an event apply: texts
// that are too long and data that a store can't keep are invalid.
package cloudevents
