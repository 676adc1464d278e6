// Package cloudevents turns CloudEvents 1.0 (https://cloudevents.io) into
// events, so that nothing of them is lost but what the contract of a timestamp
// cuts.
//
// A CloudEvent comes in two forms: as one JSON object ("structured", and each
// element of a batch), which [Decoder.Structured] reads, or as HTTP headers and
// a body ("binary"), which [Decoder.Binary] reads. Either becomes
//
//	topic      = type
//	source     = source
//	event_id   = source + " " + id
//	timestamp  = time, or the time of arrival where there is none
//	payload    = all that remains, as one JSON object
//
// CloudEvents tells two events apart by source and id together. A source is a
// URI reference and has no white space, so what stands before the first space
// of an event_id is the source, and two identities never meet.
//
// # The payload
//
// The payload is the CloudEvent in its JSON format, without the four members
// above. Its members stand in one order: specversion, datacontenttype,
// dataschema, subject, the extensions by name, then data or data_base64. Texts
// are escaped in one way, too, so that the same event gives the same payload in
// either form. JSON in data stays as it is written, digit by digit, without
// the white space between its tokens.
//
// Put together with the four members again, the payload is a CloudEvent in
// structured form. Three things are not as they were sent: a time has at most
// microseconds and is in UTC, one that was not there is the time of arrival,
// and members that were null, which means absent, are gone.
//
// # What the specification leaves open
//
// The rules are those of version 1.0.2 of the specification and of the working
// draft of 1.0.3, which words some of them better:
//
//   - spec.md, "Context Attributes", names the attributes and their types;
//   - formats/json-format.md, sections 2.2 and 3.1, is the structured form;
//   - bindings/http-protocol-binding.md, section 3.1, is the binary form.
//
// HTTP carries the data of an event as bytes, and JSON has no bytes. Binary
// data goes by its Content-Type: JSON is data as it is; text and XML in UTF-8
// are a string; all else is data_base64, and so is a body without Content-Type,
// of which "no assumptions can be made" (json-format.md, 3.1.1).
//
// All values that come in headers are strings: HTTP has no other type.
//
// What is refused, beyond what the specification forbids, is what the rules of
// an event forbid: texts that are too long, and data that no store can keep.
package cloudevents
