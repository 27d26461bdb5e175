/*-------------------------------------------------------------------------
 *
 * request_parameters.h
 *	  The parameters of a request: what is asked for beyond the topic.
 *
 * Internal to the request room; others include request.h.  Pure.
 *
 * An HTTP request and an agent's line know other ones, and not every topic has
 * any: request->agent and request->topic have to be known before.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_REQUEST_PARAMETERS_H
#define RW_REQUEST_PARAMETERS_H

#include "src/port/request.h"
#include "src/port/request_piece.h"

/*
 * Read one parameter into request->limits, for a topic that takes some; the
 * value is not encoded.  False if it is not understood: then the request is
 * refused.
 */
extern bool rw_read_parameter(RwRequest *request, RwPiece name, RwPiece value);

/*
 * Read all parameters of an HTTP request, as they are after the question mark:
 * "lag=10MB&cut_off=serve", values percent-encoded.  False as above, also if
 * there are some and the topic takes none.
 */
extern bool rw_read_query(RwRequest *request, RwPiece query);

#endif							/* RW_REQUEST_PARAMETERS_H */
