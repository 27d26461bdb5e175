-- Run once, when the primary is made, in its database; replicas get what it leaves.
SET ROLE :"app_user";

CREATE TABLE wizards (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL,
	element text NOT NULL
);

INSERT INTO wizards (name, element)
VALUES ('Morwenna', 'water'), ('Aldous', 'fire'), ('Tamsin', 'air');
