/*-------------------------------------------------------------------------
 *
 * name.h
 *	  Names of replicas, slots and servers.
 *
 * Portions Copyright (c) 2026, the replwatch authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef RW_NAME_H
#define RW_NAME_H

#define RW_NAME_LEN			64	/* a slot's or an application's name, with 0 */
#define RW_ADDRESS_LEN		64	/* an IP address; empty for a local socket */

#endif							/* RW_NAME_H */
